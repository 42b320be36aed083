import { statSync } from "node:fs";
import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError, CODES } from "../cni/error.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { formatIpAddress, formatIpPrefix, hostPrefix } from "../netlink/ip-address.ts";
import { deleteLink } from "../netlink/link.ts";
import { tolerating } from "../netlink/message.ts";
import { NetworkNamespace } from "../netlink/namespace.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { AgentClient } from "./agent-client.ts";
import type { Allocation } from "./allocation.ts";
import { attachPod } from "./attach-pod.ts";
import { detachPod } from "./detach-pod.ts";
import { hostLinkName } from "./host-link-name.ts";
import { type IpamConfiguration, parseIpamConfiguration } from "./ipam-configuration.ts";
import type { AttachmentCall, Plugin } from "./plugin.ts";
import { NEXT_HOP, type PodLink } from "./pod-network.ts";
import { release } from "./release.ts";

/** The kernel's limit for an interface alias, which holds the container's id; the name of a queued release holds it too. */
const LONGEST_CONTAINER_ID = 200;
/** IPv4's own least, and the most that a veth takes. */
const MTU_RANGE = { min: 68, max: 65535 };

/** tke-route-eni: a veth and a route for each pod, its address from an ENI that the node's pods share. */
export const routeEni: Plugin = {
  async add({ attachment, configuration }: AttachmentCall): Promise<Result> {
    const { ipam, mtu } = parseConfiguration(configuration);
    refuseLongId(attachment);
    using namespace = openPodNamespace(attachment.netns);
    const allocated = await new AgentClient(ipam.backend).allocate(attachment);
    const allocation: Allocation = { ...allocated, mtu: mtu ?? allocated.mtu };
    try {
      return describe(attach(attachment, { namespace, allocation }), { attachment, allocation });
    } catch (error) {
      await undo(attachment, ipam);
      throw error;
    }
  },

  async del({ attachment, configuration }: AttachmentCall): Promise<void> {
    const { ipam } = parseConfiguration(configuration);
    const retired = detach(attachment);
    const to = await release(attachment, ipam);
    // With nobody there to empty the trash, and a namespace that may live on, the links are deleted here and now.
    if (to === "queue" && retired !== undefined) deleteRetired(retired);
  },

  /** Says nothing about the agent: a node must not become NotReady with all its pods while its agent is replaced. */
  status(configuration: NetworkConfiguration): void {
    parseConfiguration(configuration);
  },
};

function parseConfiguration(configuration: NetworkConfiguration): {
  ipam: IpamConfiguration;
  mtu: number | undefined;
} {
  return { ipam: parseIpamConfiguration(configuration), mtu: configuration.own.integer("mtu", MTU_RANGE) };
}

function refuseLongId({ containerId }: AttachmentParameters): void {
  if (containerId.length <= LONGEST_CONTAINER_ID) return;
  throw new CniError(
    CODES.invalidEnvironment,
    `CNI_CONTAINERID has ${containerId.length} characters, and may have ${LONGEST_CONTAINER_ID}: it is kept as the alias of the pod's link`,
  );
}

/** @throws CniError 4 when it is not there, or when it is the host's own: a pod's default route has no place in that. */
function openPodNamespace(path: string): NetworkNamespace {
  let namespace: NetworkNamespace;
  try {
    namespace = NetworkNamespace.open(path);
  } catch (error) {
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_NETNS is "${path}", which cannot be opened: ${(error as Error).message}`,
    );
  }
  if (isOwnNamespace(path)) {
    namespace.close();
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_NETNS is "${path}", which is the host's own network namespace`,
    );
  }
  return namespace;
}

function isOwnNamespace(path: string): boolean {
  const own = statSync("/proc/thread-self/ns/net");
  const other = statSync(path);
  return own.ino === other.ino && own.dev === other.dev;
}

function attach(
  attachment: AttachmentParameters,
  { namespace, allocation }: { namespace: NetworkNamespace; allocation: Allocation },
): PodLink {
  using pod = NetlinkSocket.open({ namespace });
  using host = NetlinkSocket.open();
  using hostNamespace = NetworkNamespace.own();
  return attachPod({
    pod,
    host,
    hostNamespaceFd: hostNamespace.fd,
    containerId: attachment.containerId,
    ifName: attachment.ifName,
    hostName: hostLinkName(attachment),
    allocation,
    random: (bytes) => crypto.getRandomValues(bytes),
  });
}

/** Index of the host's end, where it was this container's. */
function detach(attachment: AttachmentParameters): number | undefined {
  const { containerId, ifName } = attachment;
  using host = NetlinkSocket.open();
  using pod = openPodSocket(attachment.netns);
  return detachPod({ pod, host, containerId, ifName, hostName: hostLinkName(attachment) });
}

/** Undefined when the namespace is dead, or there is none any more: then its links are dead too. */
function openPodSocket(path: string): NetlinkSocket | undefined {
  if (path === "") return undefined;
  try {
    return isOwnNamespace(path) ? undefined : NetlinkSocket.open({ namespace: path });
  } catch (error) {
    // ENOENT: the file is gone. EINVAL: the file is there, but no namespace is mounted on it any more.
    const { code } = error as { code?: string };
    if (
      code === "ENOENT" ||
      (error instanceof SystemCallError && ["ENOENT", "EINVAL"].includes(error.errno))
    ) {
      return undefined;
    }
    throw error;
  }
}

function deleteRetired(index: number): void {
  using host = NetlinkSocket.open();
  host.batch([tolerating(deleteLink(index), "ENODEV")]);
}

/** After a failed ADD nothing may hold the address: the runtime is not bound to send a DEL. */
async function undo(attachment: AttachmentParameters, ipam: IpamConfiguration): Promise<void> {
  try {
    detach(attachment);
    await release(attachment, ipam);
  } catch {
    // The ADD's own error says more, and the DEL that runtimes do send repeats this.
  }
}

function describe(
  { pod, host }: PodLink,
  { attachment, allocation }: { attachment: AttachmentParameters; allocation: Allocation },
): Result {
  const { mtu, addresses } = allocation;
  const gateway = formatIpAddress(NEXT_HOP);
  return {
    interfaces: [
      { name: host.name, mac: host.mac, mtu },
      { name: pod.name, mac: pod.mac, mtu, sandbox: attachment.netns },
    ],
    ips: addresses.map(({ address }) => ({
      address: formatIpPrefix(hostPrefix(address)),
      gateway,
      interface: 1,
    })),
    routes: [{ dst: "0.0.0.0/0", gw: gateway }],
  };
}
