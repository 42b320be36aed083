import { POD_ANNOTATIONS } from "../../src/api/annotations.ts";
import { type Pod, pods } from "../../src/kube/core-resources.ts";
import { ECHO_PORT, echoScript } from "../cluster/echo-server.ts";
import { busyboxImage } from "../cluster/images/base-images.ts";
import { sleepingPod } from "../cluster/sleeping-pod.ts";
import { type Stage, until } from "./stage.ts";

const NAMESPACE = "default";
/** A pod is scheduled, gets its address and is looked at by its readiness probe every second. */
const RUN_MS = 60_000;

interface PodsWish {
  readonly name: string;
  /** Which its addresses may be of. */
  readonly subnets: readonly string[];
  /** The only nodes where they may run; all unless said otherwise. */
  readonly nodes?: readonly string[];
  /** The one of them where they go if they can. */
  readonly first?: string;
}

/** Pods of a controller that serve who they are (their UID), and are ready when they do. */
export interface WorkloadWish extends PodsWish {
  readonly kind: "StatefulSet" | "Deployment";
  readonly replicas: number;
  /** Of a StatefulSet: over the zones, as evenly as can be. */
  readonly spread?: boolean;
  /** Of a Deployment. */
  readonly rollout?: { readonly maxSurge: number; readonly maxUnavailable: number };
}

/** Of a pod, what scenarios look at. */
export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly address: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly leaving: boolean;
  /** What the scheduler says of it. */
  readonly unscheduled: string;
}

/** Makes a workload. The addresses of a StatefulSet's pods stay under their names; those of a Deployment's go with the pods. */
export async function createWorkload({ cluster }: Stage, wish: WorkloadWish): Promise<void> {
  const { name, kind, replicas } = wish;
  const labels = { app: name };
  const isFixed = kind === "StatefulSet";
  const spec = {
    replicas,
    selector: { matchLabels: labels },
    ...(isFixed
      ? { serviceName: name, podManagementPolicy: "Parallel" }
      : { strategy: { rollingUpdate: wish.rollout } }),
    template: {
      metadata: { labels, annotations: annotationsOf(wish, isFixed ? "Never" : "Immediate") },
      spec: {
        terminationGracePeriodSeconds: 0,
        ...placementOf(wish),
        ...(wish.spread && {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "topology.kubernetes.io/zone",
              whenUnsatisfiable: "DoNotSchedule",
              labelSelector: { matchLabels: labels },
            },
          ],
        }),
        containers: [
          {
            name: "echo",
            image: busyboxImage,
            imagePullPolicy: "Never",
            command: ["/bin/sh", "-c", echoScript("/www", "$POD_UID")],
            env: [{ name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
            readinessProbe: { tcpSocket: { port: ECHO_PORT }, periodSeconds: 1 },
          },
        ],
      },
    },
  };
  const object = { apiVersion: "apps/v1", kind, metadata: { name, labels }, spec };
  await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
}

/** Makes pods `NAME-0`, `NAME-1`, … that do nothing, all at once; their addresses go with them. */
export async function createPods(
  { cluster }: Stage,
  wish: PodsWish & { readonly count: number },
): Promise<void> {
  const { name, count } = wish;
  const items = Array.from({ length: count }, (_, i) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${name}-${i}`, labels: { app: name }, annotations: annotationsOf(wish, "Immediate") },
    spec: { ...sleepingPod({ asks: false }), ...placementOf(wish) },
  }));
  await cluster.kubectl(["create", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });
}

function annotationsOf({ subnets }: PodsWish, policy: "Never" | "Immediate"): Record<string, string> {
  return {
    [POD_ANNOTATIONS.claimDeletePolicy]: policy,
    [POD_ANNOTATIONS.nominatedSubnets]: subnets.join(","),
  };
}

function placementOf({ nodes, first }: PodsWish): object {
  if (nodes === undefined) return {};
  const among = (values: readonly string[]) => ({
    matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values }],
  });
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [among(nodes)] },
    ...(first !== undefined && {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: among([first]) }],
    }),
  };
  return { affinity: { nodeAffinity } };
}

/** The pods of a name, sorted by their own names. */
export async function podsOf({ kube }: Pick<Stage, "kube">, name: string): Promise<PodView[]> {
  const { items } = await kube.list(pods, { namespace: NAMESPACE, labelSelector: `app=${name}` });
  return items.map(viewOf).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

function viewOf({ metadata, spec, status }: Pod): PodView {
  const condition = (type: string) => status?.conditions?.find((it) => it.type === type);
  const scheduled = condition("PodScheduled");
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? "",
    address: status?.podIP ?? "",
    phase: status?.phase ?? "",
    ready: condition("Ready")?.status === "True",
    leaving: metadata.deletionTimestamp !== undefined,
    unscheduled: scheduled?.status === "False" ? (scheduled.message ?? "") : "",
  };
}

/**
 * Waits until all pods of a name are ready, as many as there are to be.
 *
 * @param options.besides pods that must be gone, as they were
 */
export function untilReady(
  stage: Stage,
  name: string,
  options: { count: number; besides?: readonly PodView[]; withinMs?: number },
): Promise<PodView[]> {
  const { count, besides = [], withinMs = RUN_MS } = options;
  const former = new Set(besides.map(({ uid }) => uid));
  return until(stage, `${count} ready pods of ${name}`, {
    withinMs,
    check: async () => {
      const found = await podsOf(stage, name);
      const good = found.filter((pod) => pod.ready && !pod.leaving && !former.has(pod.uid));
      if (good.length === count && found.length === count) return found;
      throw new Error(found.map(({ uid: _, ...rest }) => JSON.stringify(rest)).join("; "));
    },
  });
}

/** Deletes pods, without waiting for their end. @param force as of a node that does not answer: their objects are gone at once */
export async function deletePods(
  { kube }: Stage,
  found: readonly PodView[],
  { force = false }: { readonly force?: boolean } = {},
): Promise<void> {
  const options = { namespace: NAMESPACE, ...(force && { gracePeriodSeconds: 0 }) };
  await Promise.all(found.map(({ name, uid }) => kube.delete(pods, name, { ...options, uid })));
}
