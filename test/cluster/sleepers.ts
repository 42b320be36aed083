import type { Cluster } from "./cluster.ts";
import { sleepingPod } from "./sleeping-pod.ts";
import { waitUntil } from "./wait-until.ts";

/** Pods that do nothing but have an address. */
export interface SleeperOptions {
  readonly count: number;
  /** The only node that they may run on. */
  readonly node: string;
  /** Whether they ask for the resource, as they should; they get an address all the same. */
  readonly asks?: boolean;
}

/** Of a pod, what these tests read. */
export interface SleeperView {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly reason?: string;
    readonly message?: string;
  };
}

/** Creates pods `NAME-0`, `NAME-1`, … with the label `app=NAME`. */
export async function createSleepers(
  cluster: Cluster,
  name: string,
  { count, node, asks = true }: SleeperOptions,
): Promise<void> {
  const items = Array.from({ length: count }, (_, i) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${name}-${i}`, labels: { app: name } },
    spec: {
      ...sleepingPod({ asks }),
      nodeSelector: { "kubernetes.io/hostname": node },
    },
  }));
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await cluster.kubectl(["create", "-f", "-"], { input });
}

export async function sleepers(cluster: Cluster, name: string): Promise<SleeperView[]> {
  return JSON.parse(await cluster.kubectl(["get", "pods", "-l", `app=${name}`, "-o", "json"])).items;
}

/**
 * Waits until all of them run.
 *
 * @param options.meanwhile looked at again and again while they come
 * @throws when they do not in time, or as soon as one has failed for good
 */
export async function allRun(
  cluster: Cluster,
  name: string,
  options: { deadlineMs: number; meanwhile?: () => Promise<void> },
): Promise<SleeperView[]> {
  const pods = await waitUntil(
    `every pod of ${name} to run`,
    async () => {
      await options.meanwhile?.();
      const found = await sleepers(cluster, name);
      const running = found.filter(({ status }) => status.phase === "Running" && status.podIP !== undefined);
      const failed = found.some(({ status }) => status.phase === "Failed");
      if (failed || running.length === found.length) return found;
      throw new Error(`${running.length} of ${found.length} run`);
    },
    { deadlineMs: options.deadlineMs, intervalMs: 250 },
  );
  const failures = pods.filter(({ status }) => status.phase === "Failed");
  const words = failures.map(
    ({ metadata, status }) => `${metadata.name}: ${status.reason}: ${status.message}`,
  );
  if (words.length > 0) throw new Error(words.join("\n"));
  return pods;
}

/** Deletes them; returns when their objects are gone. */
export async function deleteSleepers(cluster: Cluster, name: string): Promise<void> {
  await cluster.kubectl(["delete", "pods", "-l", `app=${name}`, "--timeout=60s"]);
}
