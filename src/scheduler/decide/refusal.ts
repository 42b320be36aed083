import type { NodeView, SubnetView } from "./world.ts";

/**
 * Why a pod cannot go to a node, in TKE's words. A text that changes has the scheduler ask in a loop: they tell limits and totals, which change
 * only with the cluster, and never how many others are on their way.
 */
export const REASONS = {
  /** No subnet that the pod may use has an address left here, or the node has no room for one. */
  insufficient: "[ip-scheduler] InsufficientIPorENI",
  /** The pod's address is of a subnet in which the node has no ENI with room, and cannot have one. */
  eniLimit: "[ip-scheduler] ENILimitExceed",
  /** The node is no node of ours, or is to have no ENIs. */
  noEnis: "[ip-scheduler] NodeWithoutENI",
  /** The address that the pod names is somebody else's. */
  addressInUse: "[ip-scheduler] NominatedIPInUse",
  /** What the pod's annotations say cannot be done. */
  annotation: "[ip-scheduler] InvalidAnnotation",
} as const;

/** By this the message of a pod that waits tells that it was refused here. */
export const REASON_MARK = "[ip-scheduler]";

/** What is in the way of an address of one subnet on one node. */
export type Obstacle = "unread" | "left" | "left-for-eni" | "addresses" | "enis" | "zone";

/** Subnets that are told of one by one. */
const MOST_TOLD = 3;

/** @param of obstacles by subnet; none: there is no subnet that the pod may use */
export function refusal(
  reason: string,
  {
    node,
    obstacles,
    named,
  }: { node: NodeView; obstacles: readonly (readonly [SubnetView, Obstacle])[]; named: readonly string[] },
): string {
  if (obstacles.length === 0) return `${reason}: ${noSubnet(node, named)}`;
  const texts = [...new Set(obstacles.map(([subnet, obstacle]) => textOf(obstacle, subnet, node)))].sort();
  const rest = texts.length - MOST_TOLD;
  const told = texts.slice(0, MOST_TOLD).join("; ");
  return `${reason}: ${told}${rest > 0 ? `; and ${rest} more` : ""}`;
}

function textOf(
  obstacle: Obstacle,
  { id, total, zone }: SubnetView,
  { limit, zone: nodeZone }: NodeView,
): string {
  const of = total === undefined ? "" : ` of ${total}`;
  switch (obstacle) {
    case "unread":
      return `what is left in ${id} is not known yet`;
    case "left":
      return `0${of} addresses left in ${id}`;
    case "left-for-eni":
      return `fewer than 2${of} addresses left in ${id}, and another ENI takes one for itself`;
    case "addresses":
      return `${limit.addresses} of ${limit.addresses} addresses on the node`;
    case "enis":
      return `${limit.enis} of ${limit.enis} ENIs, none with room in ${id}`;
    case "zone":
      return `${id} is in ${zone}, and the node in ${nodeZone}`;
  }
}

function noSubnet({ zone }: NodeView, named: readonly string[]): string {
  const where = zone === "" ? "the node's zone, which is not known yet" : zone;
  if (named.length === 0) return `no container subnet gives addresses in ${where}`;
  const told = named.toSorted().slice(0, MOST_TOLD).join(", ");
  const rest = named.length > MOST_TOLD ? ` and ${named.length - MOST_TOLD} more` : "";
  return `of ${told}${rest} none gives addresses in ${where}`;
}
