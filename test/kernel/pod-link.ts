import { randomFillSync } from "node:crypto";
import { PODS_TABLE } from "../../src/api/data-path.ts";
import { podLinkName } from "../../src/api/pod-link-name.ts";
import { parseIpAddress } from "../../src/netlink/ip-address.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import { attachPod } from "../../src/pod-link/attach-pod.ts";
import { detachPod } from "../../src/pod-link/detach-pod.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

/** A pod as the plugin is told of it and of its address. */
export interface PodOnNode {
  readonly name: string;
  readonly containerId: string;
  readonly address: string;
  readonly group: number;
  readonly nodeAddress: string;
}

/** Name of the host end of a pod's veth. */
export function linkOf(name: string): string {
  return podLinkName({ pod: { namespace: "default", name }, containerId: "", ifName: "eth0" });
}

/** Does what the plugin does at an ADD once the agent has answered. */
export function attach(
  { node, pod }: { node: ThrowAwayNamespace; pod: ThrowAwayNamespace },
  { name, containerId, address, group, nodeAddress }: PodOnNode,
): void {
  using host = NetlinkSocket.open({ namespace: node.path });
  using inside = NetlinkSocket.open({ namespace: pod.path });
  using hostNamespace = NetworkNamespace.open(node.path);
  attachPod({
    pod: inside,
    host,
    hostNamespaceFd: hostNamespace.fd,
    containerId,
    ifName: "eth0",
    hostName: linkOf(name),
    allocation: {
      addresses: [{ address: parseIpAddress(address), nodeAddress: parseIpAddress(nodeAddress) }],
      podsTable: PODS_TABLE,
      group,
      mtu: 1500,
    },
    enableIpv6: () => {},
    random: (bytes) => randomFillSync(bytes),
  });
}

/** Does what the plugin does at a DEL before it tells the agent. */
export function detach(
  { node, pod }: { node: ThrowAwayNamespace; pod: ThrowAwayNamespace },
  { name, containerId }: Pick<PodOnNode, "name" | "containerId">,
): void {
  using host = NetlinkSocket.open({ namespace: node.path });
  using inside = NetlinkSocket.open({ namespace: pod.path });
  detachPod({ pod: inside, host, containerId, ifName: "eth0", hostName: linkOf(name) });
}
