import type { NodeView } from "./world.ts";

/** ENIs that a node lacks in a subnet for so many addresses that are to come; one that is being made is not there yet. */
export function enisToMake({ enis, limit, creatingIn }: NodeView, subnetId: string, coming: number): number {
  let room = 0;
  for (const eni of enis) {
    if (eni.subnetId === subnetId) room += Math.max(0, limit.addressesPerEni - eni.addresses);
  }
  const lacking = coming > room ? Math.ceil((coming - room) / Math.max(1, limit.addressesPerEni)) : 0;
  return creatingIn === subnetId ? Math.max(1, lacking) : lacking;
}
