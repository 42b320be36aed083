import { TRASH_GROUP } from "../api/data-path.ts";
import { addAddress } from "../netlink/address.ts";
import { AF_INET, AF_INET6, hostPrefix, type IpPrefix } from "../netlink/ip-address.ts";
import { createVeth, type Link, setLink } from "../netlink/link.ts";
import { type NetlinkMessage, tolerating } from "../netlink/message.ts";
import { setPermanentNeighbour } from "../netlink/neighbour.ts";
import { addRoute, replaceRoute } from "../netlink/route.ts";
import { addRule, deleteRule } from "../netlink/rule.ts";
import type { Allocation } from "./allocation.ts";
import { destinationsOf, everywhereOf, familiesOf, nextHopOf } from "./way-out.ts";

/** The interface that has a pod's own default route; what others have beside it is for what they send themselves. */
const FIRST_INTERFACE = "eth0";
/** Of the pod's rules that send what an interface beside eth0 has for source by that interface. */
export const PREF_OWN_SOURCE = 1024;

/** Both ends of a pod's veth. */
export interface PodLink {
  readonly pod: LinkEnd;
  readonly host: LinkEnd;
}

/** What others are told of a pod's link. */
export interface DescribedLink {
  readonly pod: Pick<LinkEnd, "name" | "mac">;
  readonly host: Pick<LinkEnd, "name" | "mac">;
}

export interface LinkEnd {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
}

/** Whether an interface is one beside the pod's first. */
export function isBeside(ifName: string): boolean {
  return ifName !== FIRST_INTERFACE;
}

/** Makes the veth, by a socket in the pod's namespace. EEXIST when a name or an index is taken. */
export function createPodLink(
  { pod, host }: PodLink,
  {
    group,
    mtu,
    hostNamespaceFd,
  }: { readonly group: number; readonly mtu: number; readonly hostNamespaceFd: number },
): NetlinkMessage {
  return createVeth({ ...pod, mtu, up: true, peer: { ...host, mtu, group, netnsFd: hostNamespaceFd } });
}

/**
 * The pod's end, for a socket in the pod's namespace. Each message leaves alone what is there, so that a half-done ADD is
 * completed. An interface beside eth0 gets its routes in main behind those of eth0, whichever comes first, and a table of its own
 * for what has its address as source: replies leave as requests came.
 */
export function podMessages(
  { pod, host }: PodLink,
  allocation: Pick<Allocation, "addresses" | "destinations">,
): NetlinkMessage[] {
  const { index } = pod;
  const { addresses } = allocation;
  const beside = isBeside(pod.name);
  // On-link, since for an interface beside eth0 the route to the next hop is eth0's.
  const routeTo = (destination: IpPrefix) => {
    const gateway = nextHopOf(destination.address.family);
    return { destination, gateway, index, onlink: true };
  };
  return [
    ...addresses.map(({ address }) => addAddress({ index, prefix: hostPrefix(address) })),
    ...familiesOf(allocation).map((family) =>
      addRoute({ destination: hostPrefix(nextHopOf(family)), index, scope: "link" }),
    ),
    ...destinationsOf(allocation).map((destination) =>
      // An index is unique, and higher than any metric that somebody chooses.
      addRoute({ ...routeTo(destination), metric: beside ? index : undefined }),
    ),
    ...familiesOf(allocation).map((family) =>
      setPermanentNeighbour({ index, address: nextHopOf(family), mac: host.mac }),
    ),
    ...(beside
      ? addresses.flatMap(({ address }) => [
          addRoute({ ...routeTo(everywhereOf(address.family)), table: index }),
          addRule({
            family: address.family,
            priority: PREF_OWN_SOURCE,
            from: hostPrefix(address),
            table: index,
          }),
        ])
      : []),
  ].map((message) => tolerating(message, "EEXIST"));
}

/**
 * The host's end, for a socket in the host's namespace. It was made with its group, which is not set again: a DEL at the same time may
 * have taken the link away by another. The alias comes no later than the link is up: nothing that runs is
 * without its owner's name. rp_filter 1 keeps a pod from sending as another. A route that another link still has for the address is
 * replaced: the agent gives an address to one attachment at a time. proxy_arp is for a pod whose interface gets another MAC by a plugin
 * behind us in the chain: the kernel forgets all neighbours of an interface then, and the pod asks for its next hop. The first packet to an IPv6 address must not wait until the
 * host's end has found its own link-local address to be unique, so the pod's MAC is told.
 */
export function hostMessages(
  { pod, host }: PodLink,
  { addresses, podsTable }: Allocation,
  { containerId }: { readonly containerId: string },
): NetlinkMessage[] {
  const { index } = host;
  return [
    setLink(index, { alias: containerId, rpFilter: 1, proxyArp: 1, up: true }),
    ...addresses.map(({ address, nodeAddress }) =>
      replaceRoute({
        destination: hostPrefix(address),
        index,
        scope: "link",
        table: podsTable,
        source: nodeAddress,
      }),
    ),
    ...addresses
      .filter(({ address }) => address.family === AF_INET6)
      .map(({ address }) => setPermanentNeighbour({ index, address, mac: pod.mac })),
  ];
}

/**
 * Takes a host end out of use at once and leaves its deletion to the agent, because deleting one link costs 16 ms of grace
 * period. Its name is free again, and its routes go with its being down, in whatever table they are. Down is a message of its
 * own: kernels before 6.2 rename only a link that is down. It is said again with the name, for an ADD of the same pod may have set the
 * link up in between.
 */
export function retireHostEnd(index: number): NetlinkMessage[] {
  return [
    tolerating(setLink(index, { up: false }), "ENODEV"),
    tolerating(setLink(index, { name: retiredName(index), group: TRASH_GROUP, up: false }), "ENODEV"),
  ];
}

/** The same for a pod's end, which dies with the host's: until then a namespace that lives on has its interface's name free. */
export function retirePodEnd({ index, name }: Pick<LinkEnd, "index" | "name">): NetlinkMessage[] {
  const rules = isBeside(name) ? ([AF_INET, AF_INET6] as const) : [];
  return [
    tolerating(setLink(index, { up: false }), "ENODEV"),
    tolerating(setLink(index, { name: retiredName(index), up: false }), "ENODEV"),
    ...rules.map((family) =>
      tolerating(deleteRule({ family, priority: PREF_OWN_SOURCE, table: index }), "ENOENT", "EAFNOSUPPORT"),
    ),
  ];
}

/** Whether it is a host end that was taken out of use: an ADD at the same time may have given it a group again, but not its name. */
export function isRetired({ name, index, group }: Pick<Link, "name" | "index" | "group">): boolean {
  return group === TRASH_GROUP || name === retiredName(index);
}

/** An index is unique in its namespace, and so is this name. At most 14 characters. */
function retiredName(index: number): string {
  return `gone${index}`;
}
