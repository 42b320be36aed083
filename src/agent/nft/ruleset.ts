import { MARK_MASK, MARK_SHIFT, PRIMARY_NUMBER } from "../../api/data-path.ts";

/** An ENI as the ruleset sees it. */
export interface MarkedEni {
  /** 1 to 14. */
  number: number;
  /** Group of its pods' veths. */
  group: number;
  /** Undefined while its link is not here, or where its name cannot be written. */
  ifName: string | undefined;
}

export interface WantedRuleset {
  /** Name of the node's primary link; undefined where that cannot be written. */
  primary: string | undefined;
  enis: readonly MarkedEni[];
}

export const TABLE = "inet tke_eni";

/** nft has no way to write a quote inside of quotes, and takes an asterisk at the end for any end. */
const UNWRITABLE = /["\p{Cc}]|\*$|^$/u;
const OTHER_BITS = hex(~MARK_MASK >>> 0);
const MASK = hex(MARK_MASK);

/**
 * The whole table, as one atomic replacement for `nft -f -`.
 *
 * What a pod sends is marked with the number of its ENI, found by its veth's group. A connection that was translated (NodePort,
 * hostPort, load balancer) remembers the ENI that it came in by, since its replies are routed before they are translated back.
 * Verdict maps, because nft cannot set "the mark's other bits, or what a map says".
 *
 * @throws when a link has a name that cannot be written
 */
export function ruleset({ primary, enis }: WantedRuleset): string {
  const sorted = enis.toSorted((a, b) => a.number - b.number);
  const named = sorted.filter((eni): eni is MarkedEni & { ifName: string } => eni.ifName !== undefined);
  return `${[
    `table ${TABLE} {}`,
    `delete table ${TABLE}`,
    `table ${TABLE} {`,
    map(
      "from_pod",
      "devgroup",
      sorted.map((eni) => `${eni.group} : goto eni${eni.number}`),
    ),
    map("via", "mark", [
      ...sorted.map((eni) => `${hex(eni.number << MARK_SHIFT)} : goto eni${eni.number}`),
      `${hex(PRIMARY_NUMBER << MARK_SHIFT)} : accept`,
    ]),
    map("nic", "ifname", [
      ...(primary === undefined ? [] : [`${quoted(primary)} : goto in${PRIMARY_NUMBER}`]),
      ...named.map((eni) => `${quoted(eni.ifName)} : goto in${eni.number}`),
    ]),
    ...sorted.flatMap(({ number }) => [
      `  chain eni${number} { ${markWith("meta mark", number)}; accept; }`,
      `  chain in${number} { ${markWith("ct mark", number)}; goto eni${number}; }`,
    ]),
    `  chain in${PRIMARY_NUMBER} { ${markWith("ct mark", PRIMARY_NUMBER)}; }`,
    "  chain route {",
    "    type filter hook prerouting priority mangle; policy accept;",
    `    ct mark and ${MASK} vmap @via`,
    "    iifgroup vmap @from_pod",
    "  }",
    "  chain remember {",
    "    type filter hook prerouting priority dstnat + 10; policy accept;",
    "    ct state new ct status dnat iifname vmap @nic",
    "  }",
    // The mark is ours alone while a packet is inside this node: others use the same bits further on.
    "  chain clean {",
    "    type filter hook postrouting priority 110; policy accept;",
    `    meta mark and ${MASK} != 0 meta mark set meta mark and ${OTHER_BITS}`,
    "  }",
    "}",
  ].join("\n")}\n`;
}

function map(name: string, key: string, elements: readonly string[]): string {
  const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
  return `  map ${name} { type ${key} : verdict;${content} }`;
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
