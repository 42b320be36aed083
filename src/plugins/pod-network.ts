import { addAddress } from "../netlink/address.ts";
import { hostPrefix, type IpAddress, parseIpAddress, parseIpPrefix } from "../netlink/ip-address.ts";
import { createVeth, setLink } from "../netlink/link.ts";
import { type NetlinkMessage, tolerating } from "../netlink/message.ts";
import { setPermanentNeighbour } from "../netlink/neighbour.ts";
import { addRoute, replaceRoute } from "../netlink/route.ts";
import type { Allocation } from "./allocation.ts";

/** Next hop of every pod. It is an address of nobody: the permanent neighbour entry leads to the host end of the veth. */
export const NEXT_HOP: IpAddress = parseIpAddress("169.254.1.1");

/** Group of links that the agent deletes all at once, in the background. */
export const TRASH_GROUP = 3999;

const EVERYWHERE = parseIpPrefix("0.0.0.0/0");

/** Both ends of a pod's veth. */
export interface PodLink {
  readonly pod: LinkEnd;
  readonly host: LinkEnd;
}

export interface LinkEnd {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
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
 * completed, and an interface beside eth0 does not take the default route from it.
 */
export function podMessages(
  { pod, host }: PodLink,
  { addresses }: Pick<Allocation, "addresses">,
): NetlinkMessage[] {
  const { index } = pod;
  return [
    ...addresses.map(({ address }) => addAddress({ index, prefix: hostPrefix(address) })),
    addRoute({ destination: hostPrefix(NEXT_HOP), index, scope: "link" }),
    // On-link, since for an interface beside eth0 the route to the next hop is eth0's.
    addRoute({ destination: EVERYWHERE, gateway: NEXT_HOP, index, onlink: true }),
    setPermanentNeighbour({ index, address: NEXT_HOP, mac: host.mac }),
  ].map((message) => tolerating(message, "EEXIST"));
}

/**
 * The host's end, for a socket in the host's namespace. The alias comes no later than the link is up: nothing that runs is
 * without its owner's name. rp_filter 1 keeps a pod from sending as another. A route that another link still has for the address is
 * replaced: the agent gives an address to one attachment at a time.
 */
export function hostMessages(
  { host }: PodLink,
  { addresses, podsTable, group }: Allocation,
  { containerId }: { readonly containerId: string },
): NetlinkMessage[] {
  const { index } = host;
  return [
    setLink(index, { alias: containerId, group, rpFilter: 1, up: true }),
    ...addresses.map(({ address, nodeAddress }) =>
      replaceRoute({
        destination: hostPrefix(address),
        index,
        scope: "link",
        table: podsTable,
        source: nodeAddress,
      }),
    ),
  ];
}

/**
 * Takes a host end out of use at once and leaves its deletion to the agent, because deleting one link costs 16 ms of grace
 * period. Its name is free again, and its routes go with its being down, in whatever table they are. Down is a message of its
 * own: kernels before 6.2 rename only a link that is down.
 */
export function retireHostEnd(index: number): NetlinkMessage[] {
  return [
    tolerating(setLink(index, { up: false }), "ENODEV"),
    tolerating(setLink(index, { name: retiredName(index), group: TRASH_GROUP }), "ENODEV"),
  ];
}

/** The same for a pod's end, which dies with the host's: until then a namespace that lives on has its interface's name free. */
export function retirePodEnd(index: number): NetlinkMessage[] {
  return [
    tolerating(setLink(index, { up: false }), "ENODEV"),
    tolerating(setLink(index, { name: retiredName(index) }), "ENODEV"),
  ];
}

/** An index is unique in its namespace, and so is this name. At most 14 characters. */
function retiredName(index: number): string {
  return `gone${index}`;
}
