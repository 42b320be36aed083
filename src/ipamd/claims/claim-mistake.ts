import { placeInCidr } from "../../api/place-in-cidr.ts";
import type { VpcIPClaimSpec } from "../../api/vpc-ip-claim.ts";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import { homeOf } from "./place-of-bound-pod.ts";

/**
 * What is wrong with the address or the subnet of a claim that people have made: the cloud is not asked for what no subnet can give, since a refusal would
 * count for its whole node.
 *
 * @returns one sentence with what to do; undefined: nothing
 */
export function claimMistake(
  { address, subnetID }: Pick<VpcIPClaimSpec, "address" | "subnetID">,
  subnets: readonly VpcSubnet[],
): string | undefined {
  // Nothing is known of any yet.
  if (subnets.length === 0) return undefined;
  const remedy = "delete the claim and make it anew";
  if (subnetID === undefined) {
    return address === undefined || homeOf(address, subnets) !== undefined
      ? undefined
      : `its address ${address} is none that a container subnet can give: ${remedy} with an address of one`;
  }
  const subnet = subnets.find(({ metadata }) => metadata.name === subnetID);
  if (subnet === undefined) {
    return `its subnet ${subnetID} is no container subnet: add it to the configuration of ipamd, or ${remedy} with another one`;
  }
  const { cidr } = subnet.spec;
  if (address === undefined || placeInCidr(address, cidr) === "inside") return undefined;
  return `its address ${address} is none that ${subnetID} (${cidr}) can give: ${remedy} with one of that subnet, or with no subnet`;
}
