import type { CountedNode } from "./world.ts";

/** ENIs that a node lacks in a subnet for so many addresses that are to come; one that is being made is not there yet. */
export function enisToMake(
  { inSubnet, limit, creatingIn }: CountedNode,
  subnetId: string,
  coming: number,
): number {
  const places = inSubnet.get(subnetId)?.places ?? 0;
  const lacking = coming > places ? Math.ceil((coming - places) / Math.max(1, limit.addressesPerEni)) : 0;
  return creatingIn === subnetId ? Math.max(1, lacking) : lacking;
}
