import { ipBytes, ipText } from "../api/ip-text.ts";

/** `AF_INET` and `AF_INET6`, as the kernel numbers them. */
export const AF_INET = 2;
export const AF_INET6 = 10;

export type AddressFamily = typeof AF_INET | typeof AF_INET6;

/** An address in network byte order: 4 bytes for AF_INET, 16 for AF_INET6. */
export interface IpAddress {
  readonly family: AddressFamily;
  readonly bytes: Uint8Array;
}

/** An address and the number of its leading bits that count. */
export interface IpPrefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** Bits of an address of the family: the length of a prefix that holds exactly one address. */
export function fullLength(family: AddressFamily): number {
  return family === AF_INET ? 32 : 128;
}

/** The prefix that holds exactly this address. */
export function hostPrefix(address: IpAddress): IpPrefix {
  return { address, length: fullLength(address.family) };
}

/**
 * Parses `10.0.16.5` or `fd00::5`.
 * @throws TypeError naming the text when it is no address.
 */
export function parseIpAddress(text: string): IpAddress {
  const address = ipAddressFromBytes(ipBytes(text) ?? new Uint8Array());
  if (address === undefined) throw new TypeError(`"${text}" is not an IP address`);
  return address;
}

/**
 * Parses `10.0.16.0/24`; an address without a length is the prefix of that one address.
 * @throws TypeError naming the text when it is no prefix.
 */
export function parseIpPrefix(text: string): IpPrefix {
  const slash = text.indexOf("/");
  if (slash < 0) return hostPrefix(parseIpAddress(text));
  const address = parseIpAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || length > fullLength(address.family)) {
    throw new TypeError(
      `"${text}" is not an IP prefix: its length must be 0 to ${fullLength(address.family)}`,
    );
  }
  return { address, length };
}

/** The canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatIpAddress({ bytes }: IpAddress): string {
  return ipText(bytes);
}

export function formatIpPrefix({ address, length }: IpPrefix): string {
  return `${formatIpAddress(address)}/${length}`;
}

export function equalIpAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.bytes.every((byte, index) => byte === b.bytes[index]);
}

/** The address of raw bytes whose number tells the family; undefined for any other number. */
export function ipAddressFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length === 4) return { family: AF_INET, bytes };
  if (bytes.length === 16) return { family: AF_INET6, bytes };
  return undefined;
}
