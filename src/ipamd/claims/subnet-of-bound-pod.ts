import type { VpcSubnet } from "../../api/vpc-subnet.ts";

export interface BoundPodFacts {
  /** Subnets that the pod names; else those that its node's label names; empty: neither names any. */
  named: readonly string[];
  /** Zone of its node. */
  zone: string | undefined;
  subnets: readonly VpcSubnet[];
}

/**
 * The subnet for a pod that was bound without the scheduler's extender: of those that are named the one in its node's zone with most
 * addresses left. Where none of them is there, the first: its claim then says that the node has none of it.
 *
 * @returns undefined where none is named: any of the node's will do
 */
export function subnetOfBoundPod({ named, zone, subnets }: BoundPodFacts): string | undefined {
  const [best] = subnets
    .filter(
      ({ metadata, spec, status }) =>
        named.includes(metadata.name) && spec.zone === zone && status?.state === "Active",
    )
    .toSorted((a, b) => (b.status?.free ?? 0) - (a.status?.free ?? 0));
  return best?.metadata.name ?? named[0];
}
