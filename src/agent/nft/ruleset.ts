import { MARK_MASK, MARK_SHIFT, PRIMARY_NUMBER, TRASH_GROUP } from "../../api/data-path.ts";
import { AF_INET, formatIpAddress, parseIpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import { LINK_LOCAL, type PrimaryEgress } from "./primary-egress.ts";

/** An ENI as the ruleset sees it. */
export interface MarkedEni {
  /** 1 to 14. */
  number: number;
  /** Its own IPv4 address. */
  address: string;
  /** Group of its pods' veths. */
  group: number;
  /** Undefined while its link is not here, or where its name cannot be written. */
  ifName: string | undefined;
}

export interface WantedRuleset {
  /** Name of the node's primary link; undefined where that cannot be written. */
  primary: string | undefined;
  enis: readonly MarkedEni[];
  egress: PrimaryEgress;
}

export const TABLE = "inet tke_eni";

/** nft has no way to write a quote inside of quotes, and takes an asterisk at the end for any end. */
const UNWRITABLE = /["\p{Cc}]|\*$|^$/u;
const OTHER_BITS = hex(~MARK_MASK >>> 0);
const MASK = hex(MARK_MASK);
const UNMARK = `meta mark set meta mark and ${OTHER_BITS}`;

/**
 * The whole table, as one atomic replacement for `nft -f -`.
 *
 * What a pod sends is marked with the number of its ENI, found by its veth's group. A connection that was translated (NodePort,
 * hostPort, load balancer) remembers the interface that it came in by, since its replies are routed before they are translated
 * back; and so does one that leaves by the primary interface, since how it leaves must not change while it lives.
 * Verdict maps, because nft cannot set "the mark's other bits, or what a map says".
 *
 * @throws when a link has a name, or something an address, that cannot be written
 */
export function ruleset({ primary, enis, egress }: WantedRuleset): string {
  const sorted = enis.toSorted((a, b) => a.number - b.number);
  const named = sorted.filter((eni): eni is MarkedEni & { ifName: string } => eni.ifName !== undefined);
  const nics = [
    ...(primary === undefined ? [] : [{ name: quoted(primary), number: PRIMARY_NUMBER }]),
    ...named.map(({ ifName, number }) => ({ name: quoted(ifName), number })),
  ];
  const outward = outwardRules(egress);
  return `${[
    `table ${TABLE} {}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    map(
      "from_pod",
      "devgroup",
      // What has been taken away from its pod sends nothing any more.
      [...sorted.map((eni) => `${eni.group} : goto eni${eni.number}`), `${TRASH_GROUP} : drop`],
    ),
    map("via", "mark", [
      ...sorted.map((eni) => `${hex(eni.number << MARK_SHIFT)} : goto eni${eni.number}`),
      `${hex(PRIMARY_NUMBER << MARK_SHIFT)} : accept`,
    ]),
    map(
      "nic",
      "ifname",
      nics.map(({ name, number }) => `${name} : goto in${number}`),
    ),
    map(
      "own",
      "ipv4_addr",
      // One whose link has gone gets nothing, and the cloud may have given its address to another ENI since: nft takes no key twice.
      named.map(({ address, number }) => `${ipv4(address)} : goto in${number}`),
    ),
    set(
      "nics",
      "ifname",
      nics.map(({ name }) => name),
    ),
    ...sorted.flatMap(({ number }) => [
      `  chain eni${number} { ${markWith("meta mark", number)}; accept; }`,
      `  chain in${number} { ${markWith("ct mark", number)}; goto eni${number}; }`,
    ]),
    `  chain in${PRIMARY_NUMBER} { ${markWith("ct mark", PRIMARY_NUMBER)}; }`,
    ...(outward.length === 0
      ? []
      : [
          set(
            "pods",
            "devgroup",
            sorted.map(({ group }) => String(group)),
          ),
          `  chain primary { ${markWith("ct mark", PRIMARY_NUMBER)}; ${UNMARK}; }`,
          "  chain outward {",
          ...outward.map((rule) => `    ${rule}`),
          "  }",
        ]),
    "  chain route {",
    "    type filter hook prerouting priority mangle; policy accept;",
    `    ct mark and ${MASK} vmap @via`,
    "    iifgroup vmap @from_pod",
    "  }",
    "  chain remember {",
    "    type filter hook prerouting priority dstnat + 10; policy accept;",
    // By the address first: what comes from outside the VPC for an ENI's address may come in by the primary interface.
    "    ct state new ct status dnat iifname @nics ct original ip daddr vmap @own",
    "    ct state new ct status dnat iifname vmap @nic",
    // After DNAT, since the destination decides; only a connection's first packet, since the rest must go the same way.
    ...(outward.length === 0 ? [] : ["    ct status and confirmed == 0 iifgroup @pods jump outward"]),
    "  }",
    // A connection that is to leave by a certain interface, with an address that is not the node's: that interface may not send it.
    "  chain leave {",
    "    type nat hook postrouting priority srcnat + 10; policy accept;",
    `    ct mark and ${MASK} != 0 oifname @nics masquerade`,
    "  }",
    // The mark is ours alone while a packet is inside this node: others use the same bits further on.
    "  chain clean {",
    "    type filter hook postrouting priority 110; policy accept;",
    `    meta mark and ${MASK} != 0 ${UNMARK}`,
    "  }",
    "}",
  ].join("\n")}\n`;
}

/** What decides of a pod's new connection whether it leaves by the primary interface; nothing where none does. */
function outwardRules({ linkLocal, masquerade }: PrimaryEgress): string[] {
  const rules = linkLocal === "primary" ? [`ip daddr ${LINK_LOCAL} goto primary`] : [];
  if (masquerade === undefined) return rules;
  const { exceptTo, exceptFrom } = masquerade;
  return [
    ...rules,
    ...(linkLocal === "eni" ? [`ip daddr ${LINK_LOCAL} return`] : []),
    // A rule a block, not a set: blocks may overlap, and only a connection's first packet comes here.
    ...exceptTo.map((block) => `ip daddr ${ipv4Block(block)} return`),
    ...exceptFrom.map((block) => `ip saddr ${ipv4Block(block)} return`),
    "meta nfproto ipv4 goto primary",
  ];
}

function map(name: string, key: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
  return `  map ${name} { type ${key} : verdict;${content} }`;
}

function set(name: string, type: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
  return `  set ${name} { type ${type};${content} }`;
}

/** Everything that gets into nft's text is checked: the text is a program. */
function ipv4(text: string): string {
  const address = parseIpAddress(text);
  if (address.family !== AF_INET) throw new TypeError(`"${text}" is not an IPv4 address`);
  return formatIpAddress(address);
}

function ipv4Block(text: string): string {
  const { address, length } = parseIpPrefix(text);
  return `${ipv4(formatIpAddress(address))}/${length}`;
}

function markWith(mark: "meta mark" | "ct mark", number: number): string {
  return `${mark} set ${mark} and ${OTHER_BITS} or ${hex(number << MARK_SHIFT)}`;
}

function quoted(name: string): string {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new Error(problem);
  return `"${name}"`;
}

/** Why a link of this name cannot be in the ruleset; undefined when it can. */
export function nameProblem(name: string): string | undefined {
  return UNWRITABLE.test(name)
    ? `link name ${JSON.stringify(name)} cannot be written into the nftables ruleset: rename the link`
    : undefined;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
