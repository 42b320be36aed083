import type { Condition } from "../../api/condition.ts";

/** Condition of the VpcSubnet of a subnet that is no longer configured: True once nothing of this cluster is left in it. */
export const DRAINED_CONDITION = "Drained";

/** An ENI of this cluster, as far as a subnet's end depends on it. */
export interface EniInSubnet {
  subnetId: string;
  node: string;
  /** Secondary addresses, and those of them that pods hold. */
  addresses: number;
  inUse: number;
}

export interface SubnetsToDrain {
  /** Ids of the subnets that are configured. */
  configured: readonly string[];
  /** Every subnet that has an object, with its condition `Drained` if there is one. */
  known: readonly { id: string; drained?: Condition | undefined }[];
  /** All ENIs of this cluster. */
  enis: readonly EniInSubnet[];
  /** Milliseconds since 1970. */
  now: number;
}

/** What is to be told, and done, about a subnet that is no longer configured. */
export interface SubnetDrain {
  subnetId: string;
  /** `Draining` while ENIs of this cluster are in it, then `Disabled`: nothing is taken from it in either. */
  state: "Draining" | "Disabled";
  condition: Condition;
}

/**
 * The subnets that are on their way out: each that has an object or an ENI of ours and is not configured (any more). One that is
 * configured again is simply absent here.
 *
 * @returns in the order of their ids
 */
export function drainSubnets({ configured, known, enis, now }: SubnetsToDrain): SubnetDrain[] {
  const inSubnet = Map.groupBy(enis, (eni) => eni.subnetId);
  const before = new Map(known.map(({ id, drained }) => [id, drained]));
  const removed = new Set([...before.keys(), ...inSubnet.keys()]).difference(new Set(configured));
  return [...removed].toSorted().map((subnetId) => {
    const left = inSubnet.get(subnetId) ?? [];
    return {
      subnetId,
      state: left.length === 0 ? "Disabled" : "Draining",
      condition: drainedCondition(left, { before: before.get(subnetId), now }),
    };
  });
}

function drainedCondition(
  left: readonly EniInSubnet[],
  { before, now }: { before: Condition | undefined; now: number },
): Condition {
  const status = left.length === 0 ? "True" : "False";
  return {
    type: DRAINED_CONDITION,
    status,
    ...progress(left),
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : new Date(now).toISOString(),
  };
}

function progress(left: readonly EniInSubnet[]): Pick<Condition, "reason" | "message"> {
  if (left.length === 0) {
    return {
      reason: "Drained",
      message: "no ENI for pods is in the subnet any more: this object may be deleted",
    };
  }
  const addresses = left.reduce((sum, eni) => sum + eni.addresses, 0);
  const inUse = left.reduce((sum, eni) => sum + eni.inUse, 0);
  const where = `${count(left.length, "ENI")} with ${count(addresses, "address", "addresses")} on ${nodesOf(left)}`;
  if (inUse === 0) {
    return {
      reason: "Releasing",
      message: `${where} left, none in use: being given back, nothing is to be done`,
    };
  }
  return {
    reason: "InUse",
    message: `${where} left, ${inUse} in use by pods: each ENI goes with its last pod; to hasten it, delete the pods or drain the nodes`,
  };
}

const NODES_NAMED = 3;

function nodesOf(enis: readonly EniInSubnet[]): string {
  const nodes = [...new Set(enis.map((eni) => eni.node))].toSorted();
  const more = nodes.length - NODES_NAMED;
  return nodes.slice(0, NODES_NAMED).join(", ") + (more > 0 ? ` and ${count(more, "more node")}` : "");
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
