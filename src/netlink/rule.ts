import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
} from "./constants.ts";
import {
  type AddressFamily,
  AF_INET,
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

// linux/fib_rules.h
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const FIB_RULE_INVERT = 0x2;

const HEADER_LENGTH = 12;
const EVERY_BIT = 0xffffffff;

/** `FR_ACT_*` by the name that `ip` gives it. */
const ACTIONS = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;

/** `RTPROT_STATIC`, as for routes. */
const RTPROT_STATIC = 4;

export type RuleAction = keyof typeof ACTIONS;

export interface Rule {
  readonly family: AddressFamily;
  /** Rules are walked from the lowest number on. */
  readonly priority: number;
  readonly from?: IpPrefix | undefined;
  readonly to?: IpPrefix | undefined;
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
  /** Name of the link that the packet came in by. */
  readonly inputLink?: string | undefined;
  readonly outputLink?: string | undefined;
  /** Default: lookup. */
  readonly action?: RuleAction | undefined;
  /** Table to look up. */
  readonly table?: number | undefined;
}

/**
 * Adds a rule; EEXIST when there is one just like it.
 * Equivalent to: `ip rule add pref N [from PREFIX] [to PREFIX] [fwmark V/M] [iif LINK] [oif LINK] lookup TABLE|unreachable|…`
 */
export function addRule(rule: Rule): NetlinkMessage {
  return encode(rule, { type: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, verb: "add" });
}

/** Deletes the first rule that has all the fields given; ENOENT when none has. Equivalent to: `ip rule del pref N …` */
export function deleteRule(rule: Rule): NetlinkMessage {
  return encode(rule, { type: RTM_DELRULE, flags: 0, verb: "delete" });
}

/** A rule as the kernel tells it. */
export interface InstalledRule extends Rule {
  readonly action: RuleAction;
  /** RTPROT_*: 2 kernel, 4 static, … */
  readonly protocol: number;
  /** `not`: it matches what does not fit its fields. */
  readonly inverted: boolean;
}

/** All rules of a family. Equivalent to: `ip rule show` */
export function dumpRules(family: AddressFamily): NetlinkQuery<InstalledRule> {
  const writer = new MessageWriter(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP);
  writer.u8(family).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u32(0);
  return { message: { bytes: writer.finish(), act: "list the rules" }, parse: parseRule };
}

/** The rule that an RTM_NEWRULE or RTM_DELRULE tells of. */
export function parseRule({ type, payload }: ReceivedMessage): InstalledRule | undefined {
  if (type !== RTM_NEWRULE && type !== RTM_DELRULE) return undefined;
  const view = viewOf(payload);
  const family = view.getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  const prefix = (attribute: number, length: number): IpPrefix | undefined => {
    const bytes = attributes.bytes(attribute);
    const address = bytes && ipAddressFromBytes(bytes);
    return address && { address, length };
  };
  const action = actionName(view.getUint8(7));
  const mark = attributes.u32(FRA_FWMARK) ?? 0;
  const mask = attributes.u32(FRA_FWMASK) ?? 0;
  return {
    family,
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    from: prefix(FRA_SRC, view.getUint8(2)),
    to: prefix(FRA_DST, view.getUint8(1)),
    mark: mark === 0 && mask === 0 ? undefined : { value: mark, mask },
    inputLink: attributes.string(FRA_IIFNAME),
    outputLink: attributes.string(FRA_OIFNAME),
    action,
    table: action === "lookup" ? (attributes.u32(FRA_TABLE) ?? view.getUint8(4)) : undefined,
    protocol: attributes.u8(FRA_PROTOCOL) ?? 0,
    inverted: (view.getUint32(8, true) & FIB_RULE_INVERT) !== 0,
  };
}

function actionName(number: number): RuleAction {
  for (const [name, value] of Object.entries(ACTIONS)) {
    if (value === number) return name as RuleAction;
  }
  return "nop";
}

function encode(
  rule: Rule,
  { type, flags, verb }: { type: number; flags: number; verb: string },
): NetlinkMessage {
  const { family, priority, from, to, mark, inputLink, outputLink, action = "lookup", table } = rule;
  const writer = new MessageWriter(type, NLM_F_REQUEST | flags);
  writer
    .u8(family)
    .u8(to?.length ?? 0)
    .u8(from?.length ?? 0)
    .u8(0)
    .u8(table !== undefined && table < 256 ? table : 0)
    .u8(0)
    .u8(0)
    .u8(ACTIONS[action])
    .u32(0);
  writer.u32Attribute(FRA_PRIORITY, priority);
  if (from !== undefined) writer.attribute(FRA_SRC, from.address.bytes);
  if (to !== undefined) writer.attribute(FRA_DST, to.address.bytes);
  if (mark !== undefined) {
    writer.u32Attribute(FRA_FWMARK, mark.value);
    if (mark.mask >>> 0 !== EVERY_BIT) writer.u32Attribute(FRA_FWMASK, mark.mask);
  }
  if (inputLink !== undefined) writer.stringAttribute(FRA_IIFNAME, inputLink);
  if (outputLink !== undefined) writer.stringAttribute(FRA_OIFNAME, outputLink);
  if (table !== undefined && table >= 256) writer.u32Attribute(FRA_TABLE, table);
  if (type === RTM_NEWRULE) writer.u8Attribute(FRA_PROTOCOL, RTPROT_STATIC);
  const source = from === undefined ? "" : ` from ${formatIpPrefix(from)}`;
  return {
    bytes: writer.finish(),
    act: `${verb} rule ${priority}${source} ${action}${table === undefined ? "" : ` ${table}`}`,
  };
}
