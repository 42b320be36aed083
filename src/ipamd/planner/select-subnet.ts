import type { SubnetView } from "./node-view.ts";

/**
 * The subnet for a new ENI: the one with most free addresses, so that subnets of a zone fill evenly.
 *
 * @returns undefined when no subnet can give the ENI's own address and one more
 */
export function selectSubnet(subnets: readonly SubnetView[]): SubnetView | undefined {
  const usable = subnets.filter((s) => s.free >= 2);
  return usable.toSorted((a, b) => b.free - a.free || (a.id < b.id ? -1 : 1))[0];
}
