import { placeInCidr } from "../../api/place-in-cidr.ts";
import type { VpcIPClaimSpec } from "../../api/vpc-ip-claim.ts";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";

/** The subnet that can give this address. */
export function homeOf(address: string, subnets: readonly VpcSubnet[]): VpcSubnet | undefined {
  return subnets.find(({ spec }) => placeInCidr(address, spec.cidr) === "inside");
}

export interface BoundPodFacts {
  /** The address that the pod names. */
  address: string | undefined;
  /** Subnets that the pod names; else those that its node's label names; empty: neither names any. */
  named: readonly string[];
  /** Zone of its node. */
  zone: string | undefined;
  subnets: readonly VpcSubnet[];
}

/**
 * Subnet and address for a pod that was bound without the scheduler's extender: the address that it names, where a subnet can give it;
 * else, of the subnets that are named, the one in its node's zone with most addresses left. Where none of them is there, the
 * first: its claim then says that the node has none of it.
 *
 * @returns nothing where nothing is named: any address of the node's subnets will do
 */
export function placeOfBoundPod({
  address,
  named,
  zone,
  subnets,
}: BoundPodFacts): Pick<VpcIPClaimSpec, "address" | "subnetID"> {
  const home = address === undefined ? undefined : homeOf(address, subnets);
  if (home !== undefined) return { address, subnetID: home.metadata.name };
  const [best] = subnets
    .filter(
      ({ metadata, spec, status }) =>
        named.includes(metadata.name) && spec.zone === zone && status?.state === "Active",
    )
    .toSorted((a, b) => (b.status?.free ?? 0) - (a.status?.free ?? 0));
  const subnetID = best?.metadata.name ?? named[0];
  return subnetID === undefined ? {} : { subnetID };
}
