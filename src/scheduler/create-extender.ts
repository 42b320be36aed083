import { VPC_IP_CLAIM, type VpcIPClaim } from "../api/vpc-ip-claim.ts";
import { pods } from "../kube/core-resources.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import type { ReflectorWorld } from "../kube/reflector/reflector.ts";
import type { Resource } from "../kube/resource.ts";
import type { CallOptions, KubeTransport } from "../kube/transport.ts";
import { type BindTo, bindPod } from "./bind-pod.ts";
import { ClusterWatches } from "./cluster-watches.ts";
import { NodeNumbers } from "./decide/node-numbers.ts";
import { Reservations } from "./decide/reservations.ts";
import { Extender } from "./extender.ts";
import { CALL_MS, Leadership } from "./leadership.ts";
import type { WaitingPod } from "./waking/waiting-pod.ts";
import { Waker } from "./waking/waker.ts";

/** All calls of one bind: kube-scheduler gives it up after three seconds. */
const BIND_MS = 2500;

const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;

export interface ExtenderParts extends ReflectorWorld {
  readonly transport: KubeTransport;
  readonly kube: KubeClient;
}

export interface ExtenderIdentity {
  readonly onlyNominated: boolean;
  /** Of the Lease. */
  readonly namespace: string;
  /** Unique to this process. */
  readonly identity: string;
}

/** The extender behind its door. */
export interface ExtenderCore {
  readonly extender: Extender;
  readonly waker: Waker;
  readonly watches: ClusterWatches;
  /** Why it cannot decide now; undefined when it can. */
  notReady(): string | undefined;
  /** Finishes what it is doing and gives the Lease back; the watches go on. */
  stop(): Promise<void>;
}

/** Watches the cluster and, while it has the Lease, decides about pods. Whom it answers is up to its caller; refused pods are woken at once. */
export function createExtender(
  world: ExtenderParts,
  { onlyNominated, namespace, identity }: ExtenderIdentity,
): ExtenderCore {
  const { clock, kube, logger } = world;
  const numbers = new NodeNumbers();
  const reservations = new Reservations(numbers);
  /** Binds that are under way, by the pod's UID. */
  const underWay = new Map<string, Promise<void>>();
  const leadership = new Leadership(
    { ...world, client: kube },
    {
      namespace,
      identity,
      isNewCluster: async () => (await kube.list(claims, { timeoutMs: CALL_MS })).items.length === 0,
      lost: () => reservations.clear(),
    },
  );
  const watches = new ClusterWatches(world, {
    numbers,
    onlyNominated,
    sawClaim: (claim) => reservations.saw(claim),
    podGone(uid) {
      reservations.gone(uid, clock.monotonic());
      waker.gone(uid);
    },
  });
  function view() {
    leadership.check();
    return watches.view();
  }
  const waker = new Waker({
    clock,
    logger,
    reservations,
    numbers,
    view,
    refused: () => watches.refused().filter(({ metadata }) => !underWay.has(metadata.uid)),
    podOf: (uid) => watches.podOf(uid),
    wake: (pod, node) => nominate(world, { pod, node, check: () => leadership.checkCall() }),
  });

  async function bind(to: BindTo): Promise<void> {
    const endsAt = clock.monotonic() + BIND_MS;
    const call = (): CallOptions => {
      leadership.checkCall();
      const leftMs = endsAt - clock.monotonic();
      if (leftMs <= 0) throw new Error(`the API server took more than ${BIND_MS} ms: it is tried again`);
      return { timeoutMs: Math.min(CALL_MS, leftMs) };
    };
    const binding = bindPod({ ...world, call }, to);
    underWay.set(to.args.PodUID, binding);
    await binding.finally(() => underWay.delete(to.args.PodUID));
  }

  const extender = new Extender({
    clock,
    reservations,
    view,
    podOf: (uid) => watches.podOf(uid),
    bind,
    filtered: (uid, about) => waker.filtered(uid, about),
    preempted: (uid, about) => waker.preempted(uid, about),
  });
  waker.start();

  function notReady(): string | undefined {
    try {
      view();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return {
    extender,
    waker,
    watches,
    notReady,
    async stop() {
      await waker.stop();
      await leadership.stop(Promise.allSettled(underWay.values()));
    },
  };
}

/** Has the scheduler try a pod on this node first; a pod that is no more is none to wake. */
async function nominate(
  { kube }: Pick<ExtenderParts, "kube">,
  { pod, node, check }: { pod: WaitingPod; node: string; check: () => void },
): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  // Where it is named already, naming it again would be no change, which nobody sees.
  const names = pod.nominatedNode === node ? [null, node] : [node];
  try {
    for (const nominatedNodeName of names) {
      check();
      const patch = { metadata: { uid }, status: { nominatedNodeName } };
      await kube.mergePatch(pods, name, { namespace, subresource: "status", patch, timeoutMs: CALL_MS });
    }
  } catch (error) {
    if (error instanceof KubeError && (error.isNotFound || error.isConflict || error.isInvalid)) return;
    throw error;
  }
}
