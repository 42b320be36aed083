import { CniError, CODES } from "../cni/error.ts";
import { AF_INET6 } from "../netlink/ip-address.ts";
import { getLink, type Link, setLink } from "../netlink/link.ts";
import { NetlinkError } from "../netlink/netlink-error.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import type { Allocation } from "./allocation.ts";
import { chooseLinkEnd, type Randomness } from "./choose-link-end.ts";
import { isPair } from "./is-pair.ts";
import { peerOnHost } from "./peer-on-host.ts";
import {
  createPodLink,
  hostMessages,
  isRetired,
  type LinkEnd,
  type PodLink,
  podMessages,
  retireHostEnd,
  retirePodEnd,
} from "./pod-network.ts";

/** One for a stale link, one for an index that is taken, and one to be sure. */
const ATTEMPTS = 3;

export interface AttachOptions {
  /** Sockets in the pod's namespace and in the host's. */
  readonly pod: NetlinkSocket;
  readonly host: NetlinkSocket;
  readonly hostNamespaceFd: number;
  readonly containerId: string;
  /** Interface inside the pod. */
  readonly ifName: string;
  readonly hostName: string;
  readonly allocation: Allocation;
  readonly random: Randomness;
  /** Lets both ends have IPv6 addresses, which a namespace may not do by default. */
  readonly enableIpv6: (link: PodLink) => void;
}

/**
 * Gives a pod its network: one send inside, one on the host. What an earlier ADD of the same container left is completed, and a
 * link of another container under the same name goes out of the way: a StatefulSet's pod comes back before its old sandbox's
 * DEL does.
 * @throws CniError 4 when the interface is someone else's; NetlinkError.
 */
export function attachPod(options: AttachOptions): PodLink {
  const { pod, allocation, ifName, hostName, random } = options;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const fresh: PodLink = { pod: chooseLinkEnd(ifName, random), host: chooseLinkEnd(hostName, random) };
    if (makeLink(fresh, options)) {
      setUpHost(fresh, options);
      return fresh;
    }
    const own = clearTheWay(options);
    if (own !== undefined) {
      if (hasIpv6(allocation)) options.enableIpv6(own);
      pod.batch([setLink(own.pod.index, { up: true }), ...podMessages(own, allocation)]);
      setUpHost(own, options);
      // The pod's end was set up by a send of its own, which a DEL may have come before, too.
      if (!isStill(pod, own.pod)) throw retiredMeanwhile(own, options);
      return own;
    }
  }
  throw new CniError(
    CODES.tryAgainLater,
    `link ${hostName} came back as often as it was moved away: is another ADD for the same pod running?`,
  );
}

/**
 * Sets up the host's end, and sees that it is still the pod's afterwards: a DEL at the same time may have retired it before, and what
 * was retired and set up again nobody would ever find.
 * @throws CniError 11 then
 */
function setUpHost(link: PodLink, { pod, host, allocation, containerId }: AttachOptions): void {
  host.batch(hostMessages(link, allocation, { containerId }));
  if (!isStill(host, link.host)) throw retiredMeanwhile(link, { host, pod });
}

function isStill(socket: NetlinkSocket, { index, name }: LinkEnd): boolean {
  const there = socket.get(getLink({ index }));
  return there?.name === name && !isRetired(there);
}

/** Retires both ends anew. @returns the error to throw */
function retiredMeanwhile(link: PodLink, { host, pod }: Pick<AttachOptions, "host" | "pod">): CniError {
  host.batch(retireHostEnd(link.host.index));
  pod.batch(retirePodEnd(link.pod));
  return new CniError(
    CODES.tryAgainLater,
    `link ${link.host.name} was retired while it was set up: a DEL for the same pod is running`,
  );
}

/** False when a name or an index is taken. */
function makeLink(link: PodLink, options: AttachOptions): boolean {
  const { pod, allocation, hostNamespaceFd, enableIpv6 } = options;
  const { group, mtu } = allocation;
  const create = createPodLink(link, { group, mtu, hostNamespaceFd });
  const setUp = podMessages(link, allocation);
  try {
    if (hasIpv6(allocation)) {
      pod.batch([create]);
      enableIpv6(link);
      pod.batch(setUp);
    } else {
      pod.batch([create, ...setUp]);
    }
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === "EEXIST" && error.position === 0) return false;
    throw error;
  }
}

/** Gives the link that this container has already; otherwise frees both names, where that is ours to do. */
function clearTheWay({ pod, host, ifName, hostName, containerId }: AttachOptions): PodLink | undefined {
  const there = host.get(getLink({ name: hostName }));
  const inside = pod.get(getLink({ name: ifName }));
  const pair = there !== undefined && inside !== undefined && isPair(inside, there);
  // A pair without an alias is an ADD that ended before its second send.
  if (pair && !isRetired(there) && (there.alias === containerId || there.alias === undefined)) {
    return { pod: end(inside), host: end(there) };
  }
  if (inside !== undefined && !pair) {
    // The two were not read at one moment: it may be one that another call makes or takes away just now.
    const other = peerOnHost(inside, host);
    if (other !== undefined && (other.name === hostName || isRetired(other))) throw changing(ifName);
    if (pod.get(getLink({ index: inside.index }))?.name !== ifName) return undefined;
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_IFNAME is "${ifName}", and CNI_NETNS has a link of that name (${inside.kind ?? "physical"}, index ${inside.index}) that is not of this network: delete it, or choose another name`,
    );
  }
  if (there !== undefined) host.batch(retireHostEnd(there.index));
  if (inside !== undefined) pod.batch(retirePodEnd(inside));
  return undefined;
}

/** Not completed here: where it is a DEL, that gives the address back next. */
function changing(ifName: string): CniError {
  return new CniError(
    CODES.tryAgainLater,
    `link ${ifName} in CNI_NETNS is being made or taken away: another call for the same pod is running, or has ended half-way`,
  );
}

function hasIpv6({ addresses }: Allocation): boolean {
  return addresses.some(({ address }) => address.family === AF_INET6);
}

function end({ name, index, mac }: Link): LinkEnd {
  return { name, index, mac: mac ?? "" };
}
