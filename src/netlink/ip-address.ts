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
  const address = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
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
export function formatIpAddress({ family, bytes }: IpAddress): string {
  return family === AF_INET ? bytes.join(".") : formatIpv6(bytes);
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

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    // No leading zeros: some parsers read them as octal, and an address must not depend on its reader.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[index] = Number(part);
  }
  return { family: AF_INET, bytes };
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseIpv6Groups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseIpv6Groups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group (RFC 4291, 2.2).
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return { family: AF_INET6, bytes };
}

function parseIpv6Groups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (index === groups.length - 1 && group.includes(".")) {
      const embedded = parseIpv4(group);
      if (embedded === undefined) return undefined;
      bytes.push(...embedded.bytes);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return undefined;
    }
  }
  return bytes;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0),
  );
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}
