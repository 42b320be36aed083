import { readFileSync, writeFileSync } from "node:fs";

/** A kernel setting below /proc/sys. */
export interface Sysctl {
  /** As in `net/ipv4/ip_forward`. */
  key: string;
  value: string;
}

/**
 * What the node's network needs. The kernel takes the larger of `all` and the link for rp_filter, and either for
 * send_redirects; so `all` and `default` give way where a link must decide, and pods' veths keep their own rp_filter 1.
 *
 * @param primary name of the node's primary link; undefined while there is none
 * @param enis names of the ENIs' links
 */
export function wantedSysctls(primary: string | undefined, enis: readonly string[]): Sysctl[] {
  return [
    { key: "net/ipv4/ip_forward", value: "1" },
    { key: "net/ipv4/conf/all/rp_filter", value: "0" },
    { key: "net/ipv4/conf/all/send_redirects", value: "0" },
    // Links of pods are born with it: a NodePort to a remote pod would be answered by an ICMP redirect.
    { key: "net/ipv4/conf/default/send_redirects", value: "0" },
    ...(primary === undefined ? [] : [conf(primary, "send_redirects", "0")]),
    ...enis.flatMap((name) => [
      // Pods' packets come in by one ENI and leave by another.
      conf(name, "rp_filter", "0"),
      conf(name, "forwarding", "1"),
      conf(name, "send_redirects", "0"),
      { key: `net/ipv6/conf/${name}/disable_ipv6`, value: "1" },
    ]),
  ];
}

function conf(link: string, setting: string, value: string): Sysctl {
  return { key: `net/ipv4/conf/${link}/${setting}`, value };
}

/**
 * Sets what differs. What the kernel does not have (a link that has just gone, no IPv6) is left out.
 * Equivalent to: `sysctl -w KEY=VALUE`
 *
 * @returns the settings that had to be changed, with what they were
 * @throws when one cannot be written
 */
export function keepSysctls(wanted: readonly Sysctl[], root = "/proc/sys"): (Sysctl & { was: string })[] {
  const changed: (Sysctl & { was: string })[] = [];
  for (const { key, value } of wanted) {
    const path = `${root}/${key}`;
    try {
      const was = readFileSync(path, "utf8").trim();
      if (was === value) continue;
      writeFileSync(path, value);
      changed.push({ key, value, was });
    } catch (error) {
      if (isGone(error)) continue;
      throw new Error(
        `cannot set ${key} to ${value}: ${(error as Error).message}; the agent must run privileged`,
        { cause: error },
      );
    }
  }
  return changed;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENODEV");
}
