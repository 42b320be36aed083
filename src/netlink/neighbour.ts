import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from "./constants.ts";
import { type AddressFamily, formatIpAddress, type IpAddress, ipAddressFromBytes } from "./ip-address.ts";
import { formatMacAddress, parseMacAddress } from "./mac-address.ts";
import {
  Attributes,
  MessageWriter,
  type NetlinkMessage,
  type NetlinkQuery,
  type ReceivedMessage,
  viewOf,
} from "./message.ts";

// linux/neighbour.h
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;

const HEADER_LENGTH = 12;

export interface Neighbour {
  /** Index of the link. */
  readonly index: number;
  readonly address: IpAddress;
  readonly mac: string;
}

/**
 * Fixes the MAC of an address on a link: it is never asked for and never forgotten.
 * Equivalent to: `ip neighbour replace ADDRESS lladdr MAC dev LINK nud permanent`
 */
export function setPermanentNeighbour({ index, address, mac }: Neighbour): NetlinkMessage {
  const writer = new MessageWriter(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
  writeHeader(writer, { family: address.family, index, state: NUD_PERMANENT });
  writer.attribute(NDA_DST, address.bytes).attribute(NDA_LLADDR, parseMacAddress(mac));
  return {
    bytes: writer.finish(),
    act: `set neighbour ${formatIpAddress(address)} at ${mac} on link ${index}`,
  };
}

/** Forgets an address on a link; ENOENT when it is not known. Equivalent to: `ip neighbour del ADDRESS dev LINK` */
export function deleteNeighbour({ index, address }: Omit<Neighbour, "mac">): NetlinkMessage {
  const writer = new MessageWriter(RTM_DELNEIGH, NLM_F_REQUEST);
  writeHeader(writer, { family: address.family, index, state: 0 });
  writer.attribute(NDA_DST, address.bytes);
  return { bytes: writer.finish(), act: `delete neighbour ${formatIpAddress(address)} on link ${index}` };
}

export interface KnownNeighbour extends Omit<Neighbour, "mac"> {
  /** Undefined while the address is being asked for, or after nobody answered. */
  readonly mac: string | undefined;
  readonly permanent: boolean;
}

/** The neighbours of a family. Equivalent to: `ip neighbour show nud all` */
export function dumpNeighbours(family: AddressFamily): NetlinkQuery<KnownNeighbour> {
  const writer = new MessageWriter(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
  writeHeader(writer, { family, index: 0, state: 0 });
  return { message: { bytes: writer.finish(), act: "list the neighbours" }, parse: parseNeighbour };
}

/** The neighbour that an RTM_NEWNEIGH or RTM_DELNEIGH tells of. */
export function parseNeighbour({ type, payload }: ReceivedMessage): KnownNeighbour | undefined {
  if (type !== RTM_NEWNEIGH && type !== RTM_DELNEIGH) return undefined;
  const view = viewOf(payload);
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  const bytes = attributes.bytes(NDA_DST);
  const address = bytes && ipAddressFromBytes(bytes);
  if (address === undefined) return undefined;
  const mac = attributes.bytes(NDA_LLADDR);
  return {
    index: view.getInt32(4, true),
    address,
    mac: mac?.length === 6 ? formatMacAddress(mac) : undefined,
    permanent: (view.getUint16(8, true) & NUD_PERMANENT) !== 0,
  };
}

/** `struct ndmsg` */
function writeHeader(
  writer: MessageWriter,
  { family, index, state }: { family: number; index: number; state: number },
): void {
  writer.u8(family).u8(0).u16(0).u32(index).u16(state).u8(0).u8(0);
}
