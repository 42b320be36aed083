import type { VpcIP } from "../../api/vpc-ip.ts";
import type { Node } from "../../kube/core-resources.ts";
import { isHeld } from "../objects/is-held.ts";

/** Taint by which people say that a machine is out of service (Kubernetes: non-graceful node shutdown). */
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

export interface MoveFacts {
  /** `namespace/name` of the pod that it is to go to. */
  key: string;
  vip: VpcIP;
  /** Whether a reclaim token is one whose answer counts. */
  isTokenValid: (token: string) => boolean;
  /** Readings far enough apart have shown its ENI attached to nothing. */
  isDetached: boolean;
  /** The cloud has said twice that its instance is stopped, terminated or absent. */
  isDown: boolean;
  /** The Node of its holder. */
  node: Node | undefined;
  partitionGraceMs: number;
  /** Wall clock, ms. */
  now: number;
}

/**
 * Whether nobody uses an address where it is, so that it may go to the next pod of its name: its agent has let it go; nothing can send by
 * its ENI; its instance does not run; or its node is out of service, or has been unreachable for longer than the grace. The last two are of
 * a node that cannot be asked: the move is the fence then, since the VPC drops what the old side sends (DESIGN: proof that a holder is gone,
 * d). That the former pod is gone is proven by the next one: there is one pod of a name at a time. Of a pod of another name, which was given the
 * address before it was this one's, it is not.
 */
export function mayMove({
  key,
  vip,
  isTokenValid,
  isDetached,
  isDown,
  node,
  partitionGraceMs,
  now,
}: MoveFacts): boolean {
  const token = vip.spec.reclaim?.token;
  const { use } = vip.status ?? {};
  const isAgreed =
    token !== undefined && isTokenValid(token) && use?.state === "Reclaimable" && use.token === token;
  if (isAgreed || isDetached || isDown) return true;
  const isOthers = isHeld(vip) && use?.pod !== undefined && use.pod !== key;
  if (node === undefined || isOthers) return false;
  if (node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE)) return true;
  const since = unreachableSince(node);
  return since !== undefined && now - since >= partitionGraceMs;
}

/** When a node was last heard of before it became unreachable; undefined where it is reachable. Wall clock, ms. */
export function unreachableSince({ status }: Node): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  // The node lifecycle controller says so of a kubelet that is silent; one that is merely not ready says "False" itself.
  if (ready?.status !== "Unknown") return undefined;
  const since = Date.parse(ready.lastTransitionTime ?? "");
  return Number.isNaN(since) ? undefined : since;
}
