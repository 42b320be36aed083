import { statSync, writeFileSync } from "node:fs";
import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError, CODES } from "../cni/error.ts";
import { extendResult } from "../cni/extend-result.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import { parseDns, parseResult } from "../cni/parse-result.ts";
import type { Result, ResultDns } from "../cni/result.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { type AddressFamily, formatIpAddress, formatIpPrefix, hostPrefix } from "../netlink/ip-address.ts";
import { deleteLink } from "../netlink/link.ts";
import { tolerating } from "../netlink/message.ts";
import { NetworkNamespace } from "../netlink/namespace.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { AgentClient } from "./agent-client.ts";
import type { Allocation } from "./allocation.ts";
import { attachPod } from "./attach-pod.ts";
import { checkAgent } from "./check-agent.ts";
import { checkAttachment } from "./check-attachment.ts";
import { collectGarbage, validAttachments } from "./collect-garbage.ts";
import { delegate } from "./delegate.ts";
import { allocateDelegated, releaseDelegated } from "./delegated-allocation.ts";
import { detachPod } from "./detach-pod.ts";
import { hostLinkName } from "./host-link-name.ts";
import { type AnyIpam, parseAnyIpam } from "./ipam-configuration.ts";
import type { AttachmentCall, NetworkCall, Plugin } from "./plugin.ts";
import { destinationsOf, nextHopOf, type PodLink } from "./pod-network.ts";
import { release } from "./release.ts";

/** The kernel's limit for an interface alias, which holds the container's id; the name of a queued release holds it too. */
const LONGEST_CONTAINER_ID = 200;
/** IPv4's own least, and the most that a veth takes. */
const MTU_RANGE = { min: 68, max: 65535 };

/**
 * tke-route-eni: a veth and a route for each pod, its address from an ENI that the node's pods share. Nothing is imported only when it is
 * needed: that costs each call more than what it spares, since whatever both sides import has to be wrapped.
 */
export const routeEni: Plugin = {
  async add(call: AttachmentCall): Promise<Result> {
    const { attachment, configuration } = call;
    const { ipam, mtu } = parseConfiguration(configuration);
    refuseLongId(attachment);
    using namespace = openPodNamespace(attachment.netns);
    const { allocation: given, dns } = await allocate(call, ipam);
    const allocation: Allocation = { ...given, mtu: mtu ?? given.mtu };
    try {
      const result = describe(attach(attachment, { namespace, allocation }), { attachment, allocation });
      return inContext({ ...result, ...(dns && { dns }) }, configuration);
    } catch (error) {
      await undo(call, ipam);
      throw error;
    }
  },

  async del(call: AttachmentCall): Promise<void> {
    const { attachment, configuration } = call;
    const { ipam } = parseConfiguration(configuration);
    const retired = detach(attachment);
    const to = await giveBack(call, ipam);
    // With nobody there to empty the trash, and a namespace that may live on, the links are deleted here and now.
    if (to !== "agent" && retired !== undefined) deleteRetired(retired);
  },

  async check(call: AttachmentCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    await checkAttachment(call, ipam);
  },

  async gc(call: NetworkCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    if (ipam.type !== "delegated") return collectGarbage(call.configuration, ipam);
    validAttachments(call.configuration.own);
    await delegated(call, ipam);
  },

  async status(call: NetworkCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    if (ipam.type === "delegated") return delegated(call, ipam);
    await checkAgent(ipam);
  },
};

function parseConfiguration(configuration: NetworkConfiguration): {
  ipam: AnyIpam;
  mtu: number | undefined;
} {
  return { ipam: parseAnyIpam(configuration), mtu: configuration.own.integer("mtu", MTU_RANGE) };
}

async function allocate(
  call: AttachmentCall,
  ipam: AnyIpam,
): Promise<{ allocation: Allocation; dns?: ResultDns | undefined }> {
  const { attachment, configuration } = call;
  if (ipam.type !== "delegated") {
    const client = new AgentClient(ipam.backend);
    return { allocation: await client.allocate(attachment, { network: configuration.name }) };
  }
  return allocateDelegated(call, ipam.executable);
}

/** @returns where the addresses went */
async function giveBack(call: AttachmentCall, ipam: AnyIpam): Promise<"agent" | "queue" | "delegate"> {
  if (ipam.type !== "delegated") return release(call.attachment, ipam);
  await releaseDelegated(call, ipam.executable);
  return "delegate";
}

async function delegated(
  call: NetworkCall,
  { executable }: Extract<AnyIpam, { type: "delegated" }>,
): Promise<void> {
  await delegate(call, { executable });
}

/** The result with the configuration's DNS settings, behind those of the plugins before in the chain. */
function inContext(result: Result, { own }: NetworkConfiguration): Result {
  const before = own.object("prevResult");
  const dns = own.object("dns");
  if (before === undefined && dns === undefined) return result;
  const told: Result = dns === undefined ? result : { ...result, dns: parseDns(dns) };
  if (before === undefined) return told;
  return extendResult(parseResult(before), told);
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
async function undo(call: AttachmentCall, ipam: AnyIpam): Promise<void> {
  try {
    detach(call.attachment);
    await giveBack(call, ipam);
  } catch {
    // The ADD's own error says more, and the DEL that runtimes do send repeats this.
  }
}

function describe(
  { pod, host }: PodLink,
  { attachment, allocation }: { attachment: AttachmentParameters; allocation: Allocation },
): Result {
  const { mtu, addresses } = allocation;
  const gatewayOf = (family: AddressFamily) => formatIpAddress(nextHopOf(family));
  return {
    interfaces: [
      { name: host.name, mac: host.mac, mtu },
      { name: pod.name, mac: pod.mac, mtu, sandbox: attachment.netns },
    ],
    ips: addresses.map(({ address }) => ({
      address: formatIpPrefix(hostPrefix(address)),
      gateway: gatewayOf(address.family),
      interface: 1,
    })),
    routes: destinationsOf(allocation).map((destination) => ({
      dst: formatIpPrefix(destination),
      gw: gatewayOf(destination.address.family),
    })),
  };
}
