import { writeFileSync } from "node:fs";
import { CniError, CODES } from "../cni/error.ts";
import type { NetworkNamespace } from "../netlink/namespace.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import type { Allocation } from "./allocation.ts";
import { attachPod } from "./attach-pod.ts";
import type { PodLink } from "./pod-network.ts";

/** The host's side of pods' links. */
export interface HostSide {
  readonly socket: NetlinkSocket;
  readonly namespace: NetworkNamespace;
}

/** Names of an attachment. */
export interface LinkNames {
  readonly containerId: string;
  /** Interface inside the pod. */
  readonly ifName: string;
  readonly hostName: string;
}

/**
 * Gives a pod its network, or completes what an earlier ADD of the same container left.
 * @throws CniError 4 when the interface is someone else's, 11 when another call for the same pod is running; NetlinkError; SystemCallError.
 */
export function makePodLink(
  namespace: NetworkNamespace,
  { names, allocation, host }: { names: LinkNames; allocation: Allocation; host: HostSide },
): PodLink {
  using pod = NetlinkSocket.open({ namespace });
  return attachPod({
    pod,
    host: host.socket,
    hostNamespaceFd: host.namespace.fd,
    ...names,
    allocation,
    random: (bytes) => crypto.getRandomValues(bytes),
    enableIpv6: ({ pod, host }) => {
      namespace.run(() => setIpv6On("lo", pod.name));
      setIpv6On(host.name);
    },
  });
}

function setIpv6On(...names: readonly string[]): void {
  for (const name of names) {
    const path = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
    try {
      writeFileSync(path, "0");
    } catch (error) {
      throw new CniError(
        CODES.kernelFailure,
        `cannot let ${name} have the IPv6 address that it was given: ${(error as Error).message}`,
      );
    }
  }
}
