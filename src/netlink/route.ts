import { SCOPES, type Scope, scopeName } from "./address.ts";
import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from "./constants.ts";
import {
  type AddressFamily,
  AF_INET,
  AF_INET6,
  formatIpPrefix,
  type IpAddress,
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

// linux/rtnetlink.h
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;

const HEADER_LENGTH = 12;

export const TABLE_MAIN = 254;

/** `RTN_*` by the name that `ip` gives it. */
const TYPES = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;

export type RouteType = keyof typeof TYPES;

/** `RTPROT_*`: who made the route. Ours are `static`: daemons that manage routes leave those alone. */
export const RTPROT_STATIC = 4;

export interface Route {
  /** `0.0.0.0/0` or `::/0` for the default route. */
  readonly destination: IpPrefix;
  /** Default: main (254). */
  readonly table?: number | undefined;
  /** Default: unicast. */
  readonly type?: RouteType | undefined;
  /** Index of the link that it leaves by. */
  readonly index?: number | undefined;
  readonly gateway?: IpAddress | undefined;
  /** The gateway is on the link although no address of the link says so. */
  readonly onlink?: boolean | undefined;
  /** Source address that the node itself takes for packets by this route. */
  readonly source?: IpAddress | undefined;
  /** Default: link for an IPv4 unicast route without a gateway, global otherwise, as `ip` does. */
  readonly scope?: Scope | undefined;
  /** The lower wins. Default: the kernel's, 0 for IPv4 and 1024 for IPv6. */
  readonly metric?: number | undefined;
}

/**
 * Adds a route; EEXIST when the table has one to the same destination with the same metric.
 * Equivalent to: `ip route add [TYPE] PREFIX [via GW] [dev LINK] [onlink] [src ADDRESS] [scope SCOPE] [metric N] [table N] proto static`
 */
export function addRoute(route: Route): NetlinkMessage {
  return encode(route, { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, verb: "add" });
}

/** Adds a route in place of any to the same destination with the same metric. Equivalent to: `ip route replace …` */
export function replaceRoute(route: Route): NetlinkMessage {
  return encode(route, { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, verb: "set" });
}

/**
 * Deletes a route; ESRCH when none fits. Every field given must fit; a scope or type that is not given fits any.
 * Equivalent to: `ip route del PREFIX [dev LINK] [via GW] [metric N] [table N]`
 */
export function deleteRoute(route: Route): NetlinkMessage {
  return encode(route, { type: RTM_DELROUTE, flags: 0, verb: "delete" });
}

/** A route as the kernel tells it: all that has a default is there. */
export interface InstalledRoute extends Route {
  readonly table: number;
  readonly type: RouteType;
  readonly scope: Scope;
  /** RTPROT_*: 2 kernel, 3 boot, 4 static, … */
  readonly protocol: number;
}

/** Routes of one table, or of all. Equivalent to: `ip route show table N|all` */
export function dumpRoutes(
  filter: { readonly table?: number | undefined; readonly family?: AddressFamily | undefined } = {},
): NetlinkQuery<InstalledRoute> {
  const { table, family = AF_INET } = filter;
  const writer = new MessageWriter(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(family).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u32(0);
  if (table !== undefined) writer.u32Attribute(RTA_TABLE, table);
  return {
    // A table that nothing was ever put into does not exist, which for a reader is an empty table.
    message: {
      bytes: writer.finish(),
      act: `list the routes of table ${table ?? "all"}`,
      tolerate: ["ENOENT"],
    },
    parse(answer) {
      const route = parseRoute(answer);
      // A kernel without strict checking (before 4.20) knows no filter and tells of all tables.
      return table === undefined || route?.table === table ? route : undefined;
    },
  };
}

/** The route that an RTM_NEWROUTE or RTM_DELROUTE tells of; undefined for a cached exception, which is no configuration. */
export function parseRoute({ type, payload }: ReceivedMessage): InstalledRoute | undefined {
  if (type !== RTM_NEWROUTE && type !== RTM_DELROUTE) return undefined;
  const view = viewOf(payload);
  const family = view.getUint8(0);
  const flags = view.getUint32(8, true);
  if ((family !== AF_INET && family !== AF_INET6) || (flags & RTM_F_CLONED) !== 0) return undefined;
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  const address = (attribute: number) => {
    const bytes = attributes.bytes(attribute);
    return bytes && ipAddressFromBytes(bytes);
  };
  const anywhere: IpAddress = { family, bytes: new Uint8Array(family === AF_INET ? 4 : 16) };
  return {
    destination: { address: address(RTA_DST) ?? anywhere, length: view.getUint8(1) },
    table: attributes.u32(RTA_TABLE) ?? view.getUint8(4),
    protocol: view.getUint8(5),
    scope: scopeName(view.getUint8(6)),
    type: typeName(view.getUint8(7)),
    index: attributes.u32(RTA_OIF),
    gateway: address(RTA_GATEWAY),
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    source: address(RTA_PREFSRC),
    metric: attributes.u32(RTA_PRIORITY),
  };
}

function typeName(number: number): RouteType {
  for (const [name, value] of Object.entries(TYPES)) {
    if (value === number) return name as RouteType;
  }
  return "unicast";
}

function encode(
  route: Route,
  { type, flags, verb }: { type: number; flags: number; verb: string },
): NetlinkMessage {
  const { destination, table = TABLE_MAIN } = route;
  const deleting = type === RTM_DELROUTE;
  const writer = new MessageWriter(type, NLM_F_REQUEST | flags);
  writer
    .u8(destination.address.family)
    .u8(destination.length)
    .u8(0)
    .u8(0)
    // One byte holds the small table numbers; the attribute below holds the others.
    .u8(table < 256 ? table : 0)
    .u8(deleting ? 0 : RTPROT_STATIC)
    .u8(scopeNumber(route, deleting))
    .u8(route.type === undefined && deleting ? 0 : TYPES[route.type ?? "unicast"])
    .u32(route.onlink ? RTNH_F_ONLINK : 0);
  if (destination.length > 0) writer.attribute(RTA_DST, destination.address.bytes);
  if (route.gateway !== undefined) writer.attribute(RTA_GATEWAY, route.gateway.bytes);
  if (route.source !== undefined) writer.attribute(RTA_PREFSRC, route.source.bytes);
  if (route.metric !== undefined) writer.u32Attribute(RTA_PRIORITY, route.metric);
  if (table >= 256) writer.u32Attribute(RTA_TABLE, table);
  if (route.index !== undefined) writer.u32Attribute(RTA_OIF, route.index);
  const by = route.index === undefined ? "" : ` by link ${route.index}`;
  return {
    bytes: writer.finish(),
    act: `${verb} route ${formatIpPrefix(destination)}${by} in table ${table}`,
  };
}

function scopeNumber(route: Route, deleting: boolean): number {
  if (route.scope !== undefined) return SCOPES[route.scope];
  if (deleting) return SCOPES.nowhere;
  const type = route.type ?? "unicast";
  if (type === "local") return SCOPES.host;
  const direct =
    type === "unicast" && route.gateway === undefined && route.destination.address.family === AF_INET;
  return direct ? SCOPES.link : SCOPES.global;
}
