import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from "./constants.ts";
import { AF_INET } from "./ip-address.ts";
import { formatMacAddress, parseMacAddress } from "./mac-address.ts";
import {
  Attributes,
  MessageWriter,
  type NetlinkMessage,
  type NetlinkQuery,
  type ReceivedMessage,
  viewOf,
} from "./message.ts";

// linux/if_link.h
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INET_CONF = 1;
const VETH_INFO_PEER = 1;
/** Leaves the counters out of an answer: they are most of its bytes. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
// linux/if.h
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
// linux/ip.h, IPV4_DEVCONF_*
const IPV4_DEVCONF_FORWARDING = 1;
const IPV4_DEVCONF_RP_FILTER = 8;
const IPV4_DEVCONF_PROXY_ARP = 3;

const HEADER_LENGTH = 16;

/** One end of a veth. What is left out, the kernel chooses. */
export interface VethEnd {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly group?: number | undefined;
  /** A chosen index spares reading it back: the messages that follow in the same batch can name it. */
  readonly index?: number | undefined;
  /** Namespace that the end is born in; without it the socket's. A veth born in place costs a tenth of one moved there. */
  readonly netnsFd?: number | undefined;
}

export interface VethOptions extends VethEnd {
  /** Brings this end up at once. The kernel refuses the same for the peer (ENOTCONN). */
  readonly up?: boolean | undefined;
  readonly peer: VethEnd;
}

/**
 * Makes a veth; EEXIST when a name or an index is taken.
 * Equivalent to: `ip link add NAME [netns NS] [index N] [address MAC] [mtu N] [group N] [up] type veth peer name NAME …`
 */
export function createVeth({ peer, up, ...own }: VethOptions): NetlinkMessage {
  const writer = new MessageWriter(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  writeHeader(writer, { index: own.index ?? 0, flags: up ? IFF_UP : 0, change: up ? IFF_UP : 0 });
  writeVethEnd(writer, own);
  writer.nest(IFLA_LINKINFO, () => {
    writer.attribute(IFLA_INFO_KIND, new TextEncoder().encode("veth"));
    writer.nest(IFLA_INFO_DATA, () => {
      writer.nest(VETH_INFO_PEER, () => {
        writeHeader(writer, { index: peer.index ?? 0 });
        writeVethEnd(writer, peer);
      });
    });
  });
  return { bytes: writer.finish(), act: `create veth ${own.name} with peer ${peer.name}` };
}

/** What to change of a link. What is left out stays. */
export interface LinkChanges {
  readonly up?: boolean | undefined;
  /** Kernels before 6.2 rename only a link that is down, and down takes effect after the name: set it down one message before. */
  readonly name?: string | undefined;
  readonly group?: number | undefined;
  readonly alias?: string | undefined;
  readonly mtu?: number | undefined;
  readonly mac?: string | undefined;
  /** Moves the link into another namespace. */
  readonly netnsFd?: number | undefined;
  /** `net.ipv4.conf.LINK.rp_filter`, set without the way through /proc/sys. */
  readonly rpFilter?: 0 | 1 | 2 | undefined;
  /** `net.ipv4.conf.LINK.proxy_arp`, in the same way. */
  readonly proxyArp?: 0 | 1 | undefined;
  /** `net.ipv4.conf.LINK.forwarding`, the same way. */
  readonly forwarding?: 0 | 1 | undefined;
}

/**
 * Changes the link of this index, and never any other: unlike RTM_NEWLINK, whose group without a link means all links of the
 * group, RTM_SETLINK insists on one.
 * Equivalent to: `ip link set dev LINK [up|down] [name NAME] [group N] [alias TEXT] [mtu N] [address MAC] [netns NS]`, and for
 * `rpFilter`, `proxyArp` and `forwarding` to `sysctl net.ipv4.conf.LINK.rp_filter=N` and so on.
 */
export function setLink(index: number, changes: LinkChanges): NetlinkMessage {
  const writer = new MessageWriter(RTM_SETLINK, NLM_F_REQUEST);
  writeHeader(writer, {
    index,
    flags: changes.up === true ? IFF_UP : 0,
    change: changes.up === undefined ? 0 : IFF_UP,
  });
  if (changes.mac !== undefined) writer.attribute(IFLA_ADDRESS, parseMacAddress(changes.mac));
  if (changes.mtu !== undefined) writer.u32Attribute(IFLA_MTU, changes.mtu);
  if (changes.group !== undefined) writer.u32Attribute(IFLA_GROUP, changes.group);
  if (changes.netnsFd !== undefined) writer.u32Attribute(IFLA_NET_NS_FD, changes.netnsFd);
  if (changes.alias !== undefined) writer.attribute(IFLA_IFALIAS, new TextEncoder().encode(changes.alias));
  if (changes.name !== undefined) writer.stringAttribute(IFLA_IFNAME, changes.name);
  writeInetConf(writer, [
    [IPV4_DEVCONF_FORWARDING, changes.forwarding],
    [IPV4_DEVCONF_PROXY_ARP, changes.proxyArp],
    [IPV4_DEVCONF_RP_FILTER, changes.rpFilter],
  ]);
  const { netnsFd: _, ...told } = changes;
  return { bytes: writer.finish(), act: `set link ${index} ${JSON.stringify(told)}` };
}

/** Deletes the link of this index; ENODEV when there is none. Equivalent to: `ip link del dev LINK` */
export function deleteLink(index: number): NetlinkMessage {
  const writer = new MessageWriter(RTM_DELLINK, NLM_F_REQUEST);
  writeHeader(writer, { index });
  return { bytes: writer.finish(), act: `delete link ${index}` };
}

/** Deletes the link of this name; ENODEV when there is none. Equivalent to: `ip link del dev NAME` */
export function deleteLinkByName(name: string): NetlinkMessage {
  const writer = new MessageWriter(RTM_DELLINK, NLM_F_REQUEST);
  writeHeader(writer, { index: 0 });
  writer.stringAttribute(IFLA_IFNAME, name);
  return { bytes: writer.finish(), act: `delete link ${name}` };
}

/**
 * Deletes all links of a group, which share one grace period of the kernel; ENODEV when there are none.
 * Equivalent to: `ip link del group N`
 * @throws RangeError for group 0, which is every link that was never given another.
 */
export function deleteLinkGroup(group: number): NetlinkMessage {
  if (group === 0)
    throw new RangeError("group 0 holds every link without a group: it is never deleted as a whole");
  const writer = new MessageWriter(RTM_DELLINK, NLM_F_REQUEST);
  writeHeader(writer, { index: 0 });
  writer.u32Attribute(IFLA_GROUP, group);
  return { bytes: writer.finish(), act: `delete the links of group ${group}` };
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Undefined for a link without a six-byte address, as tunnels are. */
  readonly mac: string | undefined;
  readonly group: number;
  readonly alias: string | undefined;
  readonly mtu: number;
  /** IFF_* bits. */
  readonly flags: number;
  /** Set up by its administrator. */
  readonly up: boolean;
  /** Has carrier: for a veth, the peer is up too. */
  readonly lowerUp: boolean;
  /** `veth`, `bridge`, …; undefined for a physical link and loopback. */
  readonly kind: string | undefined;
  /** Index of the bridge or bond that it is a port of. */
  readonly master: number | undefined;
  /** Index of the other end of a veth, in the namespace `peerNetnsId` where that is set. */
  readonly peerIndex: number | undefined;
  readonly peerNetnsId: number | undefined;
  /** `net.ipv4.conf.LINK.rp_filter` and `.forwarding`; undefined in a notification, and for a link without IPv4. */
  readonly rpFilter?: number | undefined;
  readonly forwarding?: number | undefined;
}

/** All links of the namespace. Equivalent to: `ip -details link show` */
export function dumpLinks(): NetlinkQuery<Link> {
  const writer = new MessageWriter(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  writeHeader(writer, { index: 0 });
  writer.u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return { message: { bytes: writer.finish(), act: "list the links" }, parse: parseLink };
}

/** The link of a name or an index; ENODEV when there is none. Equivalent to: `ip -details link show dev LINK` */
export function getLink(which: { readonly name: string } | { readonly index: number }): NetlinkQuery<Link> {
  const writer = new MessageWriter(RTM_GETLINK, NLM_F_REQUEST);
  writeHeader(writer, { index: "index" in which ? which.index : 0 });
  if ("name" in which) writer.stringAttribute(IFLA_IFNAME, which.name);
  writer.u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  const act = `read link ${"name" in which ? which.name : which.index}`;
  return { message: { bytes: writer.finish(), act }, parse: parseLink };
}

/** The link that an RTM_NEWLINK or RTM_DELLINK tells of. */
export function parseLink({ type, payload }: ReceivedMessage): Link | undefined {
  if (type !== RTM_NEWLINK && type !== RTM_DELLINK) return undefined;
  const view = viewOf(payload);
  // Bridges tell of their ports in messages of the same type under their own family (AF_BRIDGE).
  if (view.getUint8(0) !== 0) return undefined;
  const flags = view.getUint32(8, true);
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  const mac = attributes.bytes(IFLA_ADDRESS);
  const conf = inetConf(attributes);
  return {
    index: view.getInt32(4, true),
    name: attributes.string(IFLA_IFNAME) ?? "",
    mac: mac?.length === 6 ? formatMacAddress(mac) : undefined,
    group: attributes.u32(IFLA_GROUP) ?? 0,
    alias: attributes.string(IFLA_IFALIAS),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    flags,
    up: (flags & IFF_UP) !== 0,
    lowerUp: (flags & IFF_LOWER_UP) !== 0,
    kind: attributes.nested(IFLA_LINKINFO)?.string(IFLA_INFO_KIND),
    master: attributes.u32(IFLA_MASTER),
    // 0 while the other end is being made or unmade.
    peerIndex: attributes.u32(IFLA_LINK) || undefined,
    peerNetnsId: attributes.i32(IFLA_LINK_NETNSID),
    rpFilter: conf(IPV4_DEVCONF_RP_FILTER),
    forwarding: conf(IPV4_DEVCONF_FORWARDING),
  };
}

/** `struct ifinfomsg` */
function writeHeader(
  writer: MessageWriter,
  { index, flags = 0, change = 0 }: { index: number; flags?: number; change?: number },
): void {
  writer.u8(0).u8(0).u16(0).u32(index).u32(flags).u32(change);
}

function writeVethEnd(writer: MessageWriter, end: VethEnd): void {
  if (end.mac !== undefined) writer.attribute(IFLA_ADDRESS, parseMacAddress(end.mac));
  if (end.mtu !== undefined) writer.u32Attribute(IFLA_MTU, end.mtu);
  if (end.group !== undefined) writer.u32Attribute(IFLA_GROUP, end.group);
  if (end.netnsFd !== undefined) writer.u32Attribute(IFLA_NET_NS_FD, end.netnsFd);
  writer.stringAttribute(IFLA_IFNAME, end.name);
}

function writeInetConf(
  writer: MessageWriter,
  settings: readonly (readonly [attribute: number, value: number | undefined])[],
): void {
  if (settings.every(([, value]) => value === undefined)) return;
  writer.nest(IFLA_AF_SPEC, () => {
    writer.nest(AF_INET, () => {
      writer.nest(IFLA_INET_CONF, () => {
        for (const [attribute, value] of settings) {
          if (value !== undefined) writer.u32Attribute(attribute, value);
        }
      });
    });
  });
}

/** Reads `net.ipv4.conf.LINK.*` of an answer: unlike a request it holds them as one array, the first at 0. */
function inetConf(attributes: Attributes): (attribute: number) => number | undefined {
  const values = attributes.nested(IFLA_AF_SPEC)?.nested(AF_INET)?.bytes(IFLA_INET_CONF);
  return (attribute) => {
    const at = (attribute - 1) * 4;
    return values === undefined || at + 4 > values.length ? undefined : viewOf(values).getInt32(at, true);
  };
}
