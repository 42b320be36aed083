import { AF_INET, parseIpAddress } from "../../netlink/ip-address.ts";

/** What an ENI of this node is meant to be, as its VpcENI object says. */
export interface EniSpec {
  eniId: string;
  mac: string;
  primaryIp: string;
  /** First address of the subnet: next hop of all that leaves by the ENI. */
  gateway: string;
  subnetId: string;
}

/** Why an ENI cannot be set up as its object describes it; undefined when it can. */
export function unsoundness({ primaryIp, gateway }: EniSpec): string | undefined {
  for (const [field, text] of Object.entries({ primaryIP: primaryIp, gateway })) {
    if (!isIpv4(text)) return `its VpcENI cannot be used: ${field} is "${text}", which is no IPv4 address`;
  }
  return undefined;
}

function isIpv4(text: string): boolean {
  try {
    return parseIpAddress(text).family === AF_INET;
  } catch {
    return false;
  }
}
