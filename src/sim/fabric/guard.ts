import { parseIpv4 } from "../vpc/ipv4.ts";
import type { NftDocument } from "./nft.ts";

/**
 * The ruleset that lets a link send only from its own addresses: what enters from a network interface has to be in
 * `allowed`, and what is not is counted by link and source. Links of `trusted` belong to no network interface.
 *
 * Loading it replaces the table as a whole, so that nothing of an earlier run stays.
 */
export function guardRuleset(trusted: readonly string[]): string {
  const accept = trusted.map((link) => `    iifname "${checkedLink(link)}" accept`);
  // Two rules drop: when `spoofed` is full the update does not match, and the packet goes by the rule after it. A machine's IPv6
  // is none of the VPC's business: it is dropped without being counted as spoofed.
  return `table inet vpc {}
delete table inet vpc
table inet vpc {
  counter dropped {}
  set allowed { type ifname . ipv4_addr; }
  set spoofed { type ifname . ipv4_addr; flags dynamic,timeout; timeout 1h; size 4096; counter; }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname . ip saddr @allowed accept
    iif lo accept
${accept.join("\n")}
    update @spoofed { iifname . ip saddr } counter name dropped drop
    meta nfproto ipv4 counter name dropped drop
    drop
  }
}
`;
}

/** Lets the link send from these addresses. */
export function allowAddresses(link: string, addresses: readonly string[]): string {
  return `add element inet vpc allowed { ${elements(link, addresses)} }\n`;
}

/** Forbids the link to send from these addresses, which it was allowed. */
export function forbidAddresses(link: string, addresses: readonly string[]): string {
  return `delete element inet vpc allowed { ${elements(link, addresses)} }\n`;
}

/** What the guard has dropped: since it was loaded, and in the last hour by link and source. */
export function readDrops(document: NftDocument): {
  total: number;
  bySource: { link: string; source: string; packets: number }[];
} {
  let total = 0;
  const bySource: { link: string; source: string; packets: number }[] = [];
  for (const { counter, set } of document.nftables) {
    if (counter?.name === "dropped") {
      total = counter.packets;
    }
    if (set?.name === "spoofed") {
      for (const { elem } of set.elem ?? []) {
        const [link, source] = elem?.val.concat ?? [];
        if (link !== undefined && source !== undefined) {
          bySource.push({ link, source, packets: elem?.counter?.packets ?? 0 });
        }
      }
    }
  }
  return { total, bySource };
}

function elements(link: string, addresses: readonly string[]): string {
  return addresses.map((address) => `"${checkedLink(link)}" . ${checkedAddress(address)}`).join(", ");
}

/** Everything that gets into nft's text goes through these two: the text is a program. */
function checkedLink(link: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,14}$/.test(link)) {
    throw new Error(`"${link}" is not a link name that may be written into a ruleset.`);
  }
  return link;
}

function checkedAddress(address: string): string {
  if (parseIpv4(address) === undefined) {
    throw new Error(`"${address}" is not an IPv4 address.`);
  }
  return address;
}
