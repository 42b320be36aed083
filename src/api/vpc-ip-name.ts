import { ipBytes, ipText } from "./ip-text.ts";

/** A text stands where the name of a VpcIP or an address must stand, and is none. */
export class VpcIpNameError extends Error {
  override readonly name = "VpcIpNameError";
  /** The text at fault. */
  readonly value: string;

  constructor(value: string, message: string) {
    super(message);
    this.value = value;
  }
}

const EXPANDED = /^([0-9a-f]{4}-){7}[0-9a-f]{4}$/;

/**
 * The name of an address's VpcIP: an IPv4 address itself, an IPv6 one fully expanded with dashes, since a name cannot have colons and
 * two spellings of one address must not be two objects.
 *
 * @param address in any spelling
 * @throws VpcIpNameError when it is no address
 */
export function vpcIpName(address: string): string {
  const bytes = bytesOf(address);
  if (bytes.length === 4) return ipText(bytes);
  return bytes.toHex().replace(/(.{4})(?=.)/g, "$1-");
}

/**
 * The address that a VpcIP of this name stands for, in the one text by which it is known inside of the program.
 *
 * @throws VpcIpNameError when it is no such name; the API server admits none (the rule of the CRD)
 */
export function addressOfVpcIp(name: string): string {
  if (EXPANDED.test(name)) return ipText(Uint8Array.fromHex(name.replaceAll("-", "")));
  const bytes = ipBytes(name);
  if (bytes?.length === 4) return ipText(bytes);
  throw new VpcIpNameError(
    name,
    `"${name}" is no name of a VpcIP: it must be an IPv4 address, or an IPv6 one as eight groups of four lower-case digits with dashes, ` +
      "such as 2001-0db8-0000-0000-0000-0000-0000-0005",
  );
}

/**
 * The one text of an address that somebody else has spelled.
 *
 * @throws VpcIpNameError when it is no address
 */
export function canonicalAddress(text: string): string {
  return ipText(bytesOf(text));
}

function bytesOf(address: string): Uint8Array {
  const bytes = ipBytes(address);
  if (bytes !== undefined) return bytes;
  throw new VpcIpNameError(
    address,
    `"${address}" is no IP address: it must be like 10.0.16.5 or 2001:db8::5, without a length`,
  );
}
