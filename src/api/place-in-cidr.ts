import { ipBytes } from "./ip-text.ts";

/**
 * Where an IPv4 address is in a subnet. The first, the second (its gateway) and the last are the VPC's own (Tencent Cloud, VPC, "VPC and subnet").
 * What is no IPv4 address, or no CIDR, is outside.
 */
export function placeInCidr(address: string, cidr: string): "outside" | "reserved" | "inside" {
  const [base = "", prefix = ""] = cidr.split("/");
  const [from, at] = [ipv4Number(base), ipv4Number(address)];
  const length = Number(prefix);
  if (from === undefined || at === undefined || prefix === "" || !(length >= 0 && length <= 32))
    return "outside";
  const size = 2 ** (32 - length);
  const offset = at - (from - (from % size));
  if (offset < 0 || offset >= size) return "outside";
  return offset < 2 || offset === size - 1 ? "reserved" : "inside";
}

function ipv4Number(text: string): number | undefined {
  const bytes = ipBytes(text);
  return bytes?.length === 4 ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}
