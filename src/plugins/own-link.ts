import type { AttachmentParameters } from "../cni/environment.ts";
import { deleteLink } from "../netlink/link.ts";
import { tolerating } from "../netlink/message.ts";
import { NetworkNamespace } from "../netlink/namespace.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { detachPod } from "../pod-link/detach-pod.ts";
import { makePodLink } from "../pod-link/make-pod-link.ts";
import { openPodNamespace, openPodSocket } from "../pod-link/pod-namespace.ts";
import type { PodLink } from "../pod-link/pod-network.ts";
import { hostLinkName } from "./host-link-name.ts";

/** Makes the pod's link where the agent has not. @throws CniError; NetlinkError; SystemCallError */
export function makeOwnLink(attachment: AttachmentParameters, allocation: Allocation): PodLink {
  using namespace = openPodNamespace(attachment.netns);
  using socket = NetlinkSocket.open();
  using own = NetworkNamespace.own();
  const { containerId, ifName } = attachment;
  return makePodLink(namespace, {
    names: { containerId, ifName, hostName: hostLinkName(attachment) },
    allocation,
    host: { socket, namespace: own },
  });
}

/** Says what is wrong with a namespace of which there is no inode. @throws CniError 4 */
export function refuseNamespace(path: string): void {
  openPodNamespace(path).close();
}

/**
 * Retires the pod's link, where it was this container's.
 * @returns index of the host's end, which is yet to be deleted; undefined when there was none
 * @throws NetlinkError; SystemCallError
 */
export function retireOwnLink(attachment: AttachmentParameters): number | undefined {
  const { containerId, ifName } = attachment;
  using host = NetlinkSocket.open();
  using pod = openPodSocket(attachment.netns);
  return detachPod({ pod, host, containerId, ifName, hostName: hostLinkName(attachment) });
}

/** @throws NetlinkError */
export function deleteRetiredLink(index: number): void {
  using host = NetlinkSocket.open();
  host.batch([tolerating(deleteLink(index), "ENODEV")]);
}
