import { ipFamily } from "../../api/ip-text.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";

/**
 * Whether ipamd knows what the cloud says of the address: it reads and assigns IPv4 ones only. What the object of another says is
 * nobody's to put right: it may be of a later version of ours that was there before.
 */
export function isServedAddress({ metadata }: Pick<VpcIP, "metadata">): boolean {
  return ipFamily(addressOfVpcIp(metadata.name)) === 4;
}
