import { MARK_MASK, MARK_SHIFT, PRIMARY_NUMBER } from "../../api/data-path.ts";

/** An ENI as the ruleset sees it. */
export interface MarkedEni {
  /** 1 to 14. */
  number: number;
  /** Group of its pods' veths. */
  group: number;
  /** Undefined while its link is not here. */
  ifName: string | undefined;
}

export const TABLE = "inet tke_eni";

/** Names that nft takes unquoted and the kernel allows; anything else in the text could mean something else. */
const SAFE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;
const OTHER_BITS = hex(~MARK_MASK >>> 0);
const MASK = hex(MARK_MASK);

/**
 * The whole table, as one atomic replacement for `nft -f -`.
 *
 * What a pod sends is marked with the number of its ENI, found by its veth's group. A connection that was translated (NodePort,
 * hostPort, load balancer) remembers the ENI that it came in by, since its replies are routed before they are translated back.
 * Verdict maps, because nft cannot set "the mark's other bits, or what a map says".
 *
 * @param primary name of the node's primary link
 * @throws when a link has a name that cannot be written
 */
export function ruleset({ primary, enis }: { primary: string; enis: readonly MarkedEni[] }): string {
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
      `${quoted(primary)} : goto in${PRIMARY_NUMBER}`,
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
  if (!SAFE_NAME.test(name)) {
    throw new Error(
      `link name ${JSON.stringify(name)} cannot be written into the nftables ruleset: rename the link`,
    );
  }
  return `"${name}"`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
