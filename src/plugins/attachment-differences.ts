import type { Result } from "../cni/result.ts";
import type { LinkAddress } from "../netlink/address.ts";
import {
  AF_INET,
  equalIpAddress,
  formatIpAddress,
  formatIpPrefix,
  hostPrefix,
  type IpAddress,
  type IpPrefix,
} from "../netlink/ip-address.ts";
import type { Link } from "../netlink/link.ts";
import type { KnownNeighbour } from "../netlink/neighbour.ts";
import type { InstalledRoute } from "../netlink/route.ts";
import type { InstalledRule } from "../netlink/rule.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { isPair } from "../pod-link/is-pair.ts";
import { isBeside, PREF_OWN_SOURCE } from "../pod-link/pod-network.ts";
import { destinationsOf, nextHopOf } from "../pod-link/way-out.ts";

/** What an attachment should be. */
export interface ExpectedAttachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  readonly hostName: string;
  /** The result of ADD, after all plugins of a chain. */
  readonly told: Result;
  /** What it was given; undefined while nobody can say. */
  readonly allocation: Allocation | undefined;
}

/** What the kernel has of it. */
export interface ObservedAttachment {
  readonly hostLink: Link | undefined;
  /** Routes in the host's table for pods. */
  readonly hostRoutes: readonly InstalledRoute[];
  /** Undefined where it cannot be read. */
  readonly rpFilter: string | undefined;
  readonly proxyArp: string | undefined;
  readonly podLink: Link | undefined;
  readonly podAddresses: readonly LinkAddress[];
  readonly podRoutes: readonly InstalledRoute[];
  readonly podNeighbours: readonly KnownNeighbour[];
  readonly podRules: readonly InstalledRule[];
}

/** In what an attachment is not what it should be: what was expected and what was found, a sentence each. */
export function attachmentDifferences(expected: ExpectedAttachment, found: ObservedAttachment): string[] {
  return [
    ...linkDifferences(expected, found),
    ...podDifferences(expected, found),
    ...hostRouteDifferences(expected, found),
  ];
}

function linkDifferences(expected: ExpectedAttachment, found: ObservedAttachment): string[] {
  const { containerId, ifName, netns, hostName, told, allocation } = expected;
  const { hostLink, podLink, rpFilter } = found;
  const inside = told.interfaces?.find(({ name, sandbox }) => name === ifName && sandbox === netns);
  const outside = told.interfaces?.find(({ name, sandbox = "" }) => name === hostName && sandbox === "");
  const differences: string[] = [];
  if (inside === undefined) differences.push(`prevResult has no interface ${ifName} in ${netns}`);
  if (outside === undefined) differences.push(`prevResult has no interface ${hostName} on the host`);
  if (hostLink === undefined) differences.push(`link ${hostName} is missing on the host`);
  if (podLink === undefined) differences.push(`link ${ifName} is missing in ${netns}`);
  if (hostLink !== undefined) {
    const { alias, group, mac, mtu, up } = hostLink;
    differences.push(
      ...unlike(`alias of ${hostName}`, { should: containerId, is: alias }),
      ...unlike(`group of ${hostName}`, { should: allocation?.group, is: group }),
      ...unlike(`MAC of ${hostName}`, { should: outside?.mac, is: mac }),
      ...unlike(`MTU of ${hostName}`, { should: outside?.mtu, is: mtu }),
      ...unlike(`state of ${hostName}`, { should: "up", is: up ? "up" : "down" }),
      ...unlike(`rp_filter of ${hostName}`, {
        should: rpFilter === undefined ? undefined : "1",
        is: rpFilter,
      }),
    );
  }
  if (podLink !== undefined) {
    const { mac, mtu, up } = podLink;
    differences.push(
      ...unlike(`MAC of ${ifName}`, { should: inside?.mac, is: mac }),
      // A plugin of the chain may have made it smaller, and none tells.
      ...(inside?.mtu !== undefined && mtu > inside.mtu
        ? [`MTU of ${ifName} is ${mtu}, and should be ${inside.mtu}`]
        : []),
      ...unlike(`state of ${ifName}`, { should: "up", is: up ? "up" : "down" }),
    );
  }
  if (hostLink !== undefined && podLink !== undefined && !isPair(hostLink, podLink)) {
    differences.push(`${hostName} and ${ifName} are not the two ends of one veth`);
  }
  return differences;
}

function podDifferences(expected: ExpectedAttachment, found: ObservedAttachment): string[] {
  const { ifName, told, netns, allocation } = expected;
  const { podLink, podAddresses } = found;
  if (podLink === undefined) return [];
  const has = podAddresses
    .filter(({ index, scope }) => index === podLink.index && scope !== "link")
    .map(({ prefix }) => formatIpPrefix(prefix));
  const place = told.interfaces?.findIndex(({ name, sandbox }) => name === ifName && sandbox === netns);
  const shouldHave = new Set([
    ...told.ips.filter((ip) => ip.interface === place).map(({ address }) => address),
    ...(allocation?.addresses ?? []).map(({ address }) => formatIpPrefix(hostPrefix(address))),
  ]);
  return [
    ...[...shouldHave]
      .filter((address) => !has.includes(address))
      .map(
        (address) =>
          `${ifName} lacks address ${address}, and has ${has.length === 0 ? "none" : has.join(", ")}`,
      ),
    ...(allocation === undefined ? [] : wayOutDifferences(expected, { ...found, podLink, allocation })),
  ];
}

function wayOutDifferences(
  { ifName, told }: ExpectedAttachment,
  found: ObservedAttachment & { podLink: Link; allocation: Allocation },
): string[] {
  const { podLink, hostLink, podRoutes, podNeighbours, podRules, allocation } = found;
  const { index } = podLink;
  const beside = isBeside(ifName);
  const differences: string[] = [];
  for (const destination of destinationsOf(allocation)) {
    const gateway = nextHopOf(destination.address.family);
    // A plugin behind us in the chain may have taken the route away, and told so.
    const isTold = told.routes.some(
      ({ dst, gw }) => dst === formatIpPrefix(destination) && gw === formatIpAddress(gateway),
    );
    const there = podRoutes.some(
      (r) => r.index === index && isSamePrefix(r.destination, destination) && isSame(r.gateway, gateway),
    );
    if (isTold && !there) {
      differences.push(
        `${ifName} lacks the route to ${formatIpPrefix(destination)} via ${formatIpAddress(gateway)}`,
      );
    }
  }
  for (const { address } of allocation.addresses) {
    const nextHop = nextHopOf(address.family);
    const neighbour = podNeighbours.find((n) => n.index === index && equalIpAddress(n.address, nextHop));
    // The host's end answers for a next hop that the kernel has forgotten, as it does when a chained plugin changes the MAC.
    const isAnswered = neighbour?.mac === undefined && found.proxyArp === "1" && address.family === AF_INET;
    differences.push(
      ...unlike(`MAC of the neighbour ${formatIpAddress(nextHop)} on ${ifName}`, {
        should: isAnswered ? undefined : hostLink?.mac,
        is: neighbour?.mac,
      }),
    );
    const rule = podRules.some(
      (r) => r.priority === PREF_OWN_SOURCE && r.table === index && isSame(r.from?.address, address),
    );
    if (beside && !rule) {
      differences.push(`${ifName} lacks the rule for what is sent from ${formatIpAddress(address)}`);
    }
  }
  return differences;
}

function hostRouteDifferences(
  { hostName, allocation }: ExpectedAttachment,
  { hostLink, hostRoutes }: ObservedAttachment,
): string[] {
  return (allocation?.addresses ?? []).flatMap(({ address, nodeAddress }) => {
    const what = `the host's route to ${formatIpAddress(address)} in table ${allocation?.podsTable}`;
    const route = hostRoutes.find(
      (r) => r.table === allocation?.podsTable && isSamePrefix(r.destination, hostPrefix(address)),
    );
    if (route === undefined) return [`${what} is missing`];
    return [
      ...(hostLink !== undefined && route.index !== hostLink.index
        ? [`${what} leads to link ${route.index}, and should lead to ${hostName} (${hostLink.index})`]
        : []),
      ...unlike(`source of ${what}`, {
        should: nodeAddress && formatIpAddress(nodeAddress),
        is: route.source && formatIpAddress(route.source),
      }),
    ];
  });
}

/** Nothing is said of what should be nothing in particular. */
function unlike(
  what: string,
  { should, is }: { should: string | number | undefined; is: string | number | undefined },
): string[] {
  if (should === undefined || should === is) return [];
  return [`${what} is ${is ?? "not set"}, and should be ${should}`];
}

function isSamePrefix(a: IpPrefix, b: IpPrefix): boolean {
  return a.length === b.length && equalIpAddress(a.address, b.address);
}

function isSame(a: IpAddress | undefined, b: IpAddress): boolean {
  return a !== undefined && equalIpAddress(a, b);
}
