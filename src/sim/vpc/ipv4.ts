/** A block of IPv4 addresses. `base` is its first address, as an unsigned 32-bit number. */
export interface Block {
  readonly base: number;
  readonly prefixLength: number;
}

/** Reads `10.0.1.2` as an unsigned 32-bit number; anything that is not written in exactly this form is undefined. */
export function parseIpv4(text: string): number | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) {
    return undefined;
  }
  let value = 0;
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) {
      return undefined;
    }
    value = value * 256 + Number(octet);
  }
  return value;
}

/** The inverse of parseIpv4. */
export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".");
}

/** Reads `10.0.1.0/24`; undefined where it is none, or where bits are set to the right of the prefix. */
export function parseBlock(text: string): Block | undefined {
  const [address, length, ...rest] = text.split("/");
  const base = parseIpv4(address ?? "");
  if (base === undefined || rest.length > 0 || !/^(\d|[12]\d|3[012])$/.test(length ?? "")) {
    return undefined;
  }
  const block = { base, prefixLength: Number(length) };
  return base % sizeOf(block) === 0 ? block : undefined;
}

/** How many addresses a block has. */
export function sizeOf(block: Block): number {
  return 2 ** (32 - block.prefixLength);
}

/** Whether the address lies in the block. */
export function contains(block: Block, address: number): boolean {
  return address >= block.base && address < block.base + sizeOf(block);
}

/** Whether two blocks share an address. */
export function overlap(a: Block, b: Block): boolean {
  return contains(a, b.base) || contains(b, a.base);
}
