import type { VpcIP } from "../../api/vpc-ip.ts";

/** Whether a pod holds the address, as the node's agent says. */
export function isHeld({ status }: Pick<VpcIP, "status">): boolean {
  return status?.use?.state === "InUse" || status?.use?.state === "Refused";
}
