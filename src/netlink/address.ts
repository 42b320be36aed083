import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "./constants.ts";
import {
  type AddressFamily,
  AF_INET6,
  formatIpPrefix,
  type IpPrefix,
  ipAddressFromBytes,
} from "./ip-address.ts";
import {
  Attributes,
  MessageWriter,
  type NetlinkMessage,
  type NetlinkQuery,
  type ReceivedMessage,
  viewOf,
} from "./message.ts";

// linux/if_addr.h
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_F_NODAD = 0x02;

const HEADER_LENGTH = 8;

/** `RT_SCOPE_*` by the name that `ip` gives it. */
export const SCOPES = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

export type Scope = keyof typeof SCOPES;

export interface LinkAddress {
  /** Index of the link. */
  readonly index: number;
  /** The address itself with the length of its network. */
  readonly prefix: IpPrefix;
  readonly scope?: Scope | undefined;
}

/**
 * Gives a link an address; EEXIST when it has it. An IPv6 address is usable at once (no duplicate address detection): whoever
 * calls this was given the address by its owner.
 * Equivalent to: `ip address add PREFIX dev LINK [scope SCOPE] [nodad]`
 */
export function addAddress(address: LinkAddress): NetlinkMessage {
  return encode(address, { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, verb: "add" });
}

/** Gives a link an address whether it has it or not. Equivalent to: `ip address replace PREFIX dev LINK` */
export function replaceAddress(address: LinkAddress): NetlinkMessage {
  return encode(address, { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, verb: "set" });
}

/** Takes an address from a link; EADDRNOTAVAIL when it has none such. Equivalent to: `ip address del PREFIX dev LINK` */
export function deleteAddress(address: LinkAddress): NetlinkMessage {
  return encode(address, { type: RTM_DELADDR, flags: 0, verb: "delete" });
}

/** Addresses of the namespace, or of one link or family. Equivalent to: `ip address show [dev LINK]` */
export function dumpAddresses(
  filter: { readonly index?: number | undefined; readonly family?: AddressFamily | undefined } = {},
): NetlinkQuery<Required<LinkAddress>> {
  const writer = new MessageWriter(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
  // The kernel filters by index itself where the socket asks for strict checking.
  writer
    .u8(filter.family ?? 0)
    .u8(0)
    .u8(0)
    .u8(0)
    .u32(filter.index ?? 0);
  return { message: { bytes: writer.finish(), act: "list the addresses" }, parse: parseAddress };
}

/** The address that an RTM_NEWADDR or RTM_DELADDR tells of. */
export function parseAddress({ type, payload }: ReceivedMessage): Required<LinkAddress> | undefined {
  if (type !== RTM_NEWADDR && type !== RTM_DELADDR) return undefined;
  const view = viewOf(payload);
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  // On a point-to-point link IFA_ADDRESS is the far end; IPv6 tells IFA_ADDRESS alone.
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
  const address = bytes && ipAddressFromBytes(bytes);
  if (address === undefined) return undefined;
  return {
    index: view.getUint32(4, true),
    prefix: { address, length: view.getUint8(1) },
    scope: scopeName(view.getUint8(3)),
  };
}

/** Name of an `RT_SCOPE_*` number; one of the administrator's own numbers counts as global, as the kernel treats it. */
export function scopeName(number: number): Scope {
  for (const [name, value] of Object.entries(SCOPES)) {
    if (value === number) return name as Scope;
  }
  return "global";
}

function encode(
  { index, prefix, scope = "global" }: LinkAddress,
  { type, flags, verb }: { type: number; flags: number; verb: string },
): NetlinkMessage {
  const { address, length } = prefix;
  const adding = type === RTM_NEWADDR;
  const writer = new MessageWriter(type, NLM_F_REQUEST | flags);
  writer
    .u8(address.family)
    .u8(length)
    .u8(adding && address.family === AF_INET6 ? IFA_F_NODAD : 0)
    .u8(SCOPES[scope])
    .u32(index);
  writer.attribute(IFA_LOCAL, address.bytes).attribute(IFA_ADDRESS, address.bytes);
  return { bytes: writer.finish(), act: `${verb} address ${formatIpPrefix(prefix)} on link ${index}` };
}
