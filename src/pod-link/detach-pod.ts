import { getLink } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { isPair } from "./is-pair.ts";
import { peerOnHost } from "./peer-on-host.ts";
import { isRetired, retireHostEnd, retirePodEnd } from "./pod-network.ts";

export interface DetachOptions {
  /** A socket in the pod's namespace; undefined when that is dead. */
  readonly pod: NetlinkSocket | undefined;
  readonly host: NetlinkSocket;
  readonly containerId: string;
  /** Interface inside the pod. */
  readonly ifName: string;
  readonly hostName: string;
}

/**
 * Takes a pod's network away and leaves the links themselves to the agent. A link that is not this container's stays: under the
 * same name the pod may have a newer sandbox.
 * @returns index of the host's end, which is yet to be deleted; undefined when there was nothing of this container.
 * @throws NetlinkError
 */
export function detachPod({ pod, host, containerId, ifName, hostName }: DetachOptions): number | undefined {
  const there = host.get(getLink({ name: hostName }));
  const inside = pod?.get(getLink({ name: ifName }));
  const pair = there !== undefined && inside !== undefined && isPair(inside, there);
  // Without an alias it is an ADD that ended before its second send; the pod's own end proves whose.
  if (there === undefined || (there.alias !== containerId && !(there.alias === undefined && pair))) {
    // A DEL that was killed half-way has left the pod's end.
    const other = inside && peerOnHost(inside, host);
    if (inside !== undefined && other?.alias === containerId && isRetired(other)) {
      pod?.batch(retirePodEnd(inside));
    }
    return undefined;
  }
  host.batch(retireHostEnd(there.index));
  if (pair) pod?.batch(retirePodEnd(inside));
  return there.index;
}
