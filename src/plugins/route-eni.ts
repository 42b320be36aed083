import { LONGEST_CONTAINER_ID } from "../api/data-path.ts";
import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError, CODES } from "../cni/error.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result, ResultDns } from "../cni/result.ts";
import { formatIpPrefix, hostPrefix } from "../netlink/ip-address.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import { podInodeAt } from "../pod-link/namespace-inode.ts";
import type { DescribedLink } from "../pod-link/pod-network.ts";
import { familiesOf, wayOutOf } from "../pod-link/way-out.ts";
import { AgentClient, AgentRefusal } from "./agent-client.ts";
import { type AnyIpam, parseAnyIpam } from "./ipam-configuration.ts";
import { keepsAddress } from "./keeps-address.ts";
import type { AttachmentCall, NetworkCall, Plugin } from "./plugin.ts";
import { release } from "./release.ts";

/** IPv4's own least, and the most that a veth takes. */
const MTU_RANGE = { min: 68, max: 65535 };

const seldom = () => import("./seldom.ts");

/** tke-route-eni: a veth and a route for each pod, its address from an ENI that the node's pods share. */
export const routeEni: Plugin = {
  async add(call: AttachmentCall): Promise<Result> {
    const { attachment, configuration } = call;
    const { ipam, mtu } = parseConfiguration(configuration);
    refuseLongId(attachment);
    const netnsInode = podInodeAt(attachment.netns);
    if (netnsInode === undefined) (await seldom()).refuseNamespace(attachment.netns);
    let given: Given | undefined;
    try {
      given = await allocate(call, { ipam, mtu, netnsInode });
      const { link, dns } = given;
      const allocation: Allocation = { ...given.allocation, mtu: mtu ?? given.allocation.mtu };
      const made = link ?? (await seldom()).makeOwnLink(attachment, allocation);
      const result = describe(made, { attachment, allocation });
      return await inContext({ ...result, ...(dns && { dns }) }, configuration);
    } catch (error) {
      // Another IPAM plugin that failed has been asked to take back already.
      const isNothing = ipam.type === "delegated" ? given === undefined : error instanceof AgentRefusal;
      if (!isNothing) await undo(call, ipam);
      throw error;
    }
  },

  async del(call: AttachmentCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    await takeAway(call, ipam);
  },

  async check(call: AttachmentCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    await (await seldom()).checkAttachment(call, ipam);
  },

  async gc(call: NetworkCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    const { collectGarbage, validAttachments } = await seldom();
    if (ipam.type !== "delegated") return collectGarbage(call.configuration, ipam);
    validAttachments(call.configuration.own);
    await delegated(call, ipam);
  },

  async status(call: NetworkCall): Promise<void> {
    const { ipam } = parseConfiguration(call.configuration);
    if (ipam.type === "delegated") return delegated(call, ipam);
    await (await seldom()).checkAgent(ipam);
  },
};

function parseConfiguration(configuration: NetworkConfiguration): {
  ipam: AnyIpam;
  mtu: number | undefined;
} {
  return { ipam: parseAnyIpam(configuration), mtu: configuration.own.integer("mtu", MTU_RANGE) };
}

/** What a pod was given: the link, too, where the agent has made it. */
interface Given {
  readonly allocation: Allocation;
  readonly link?: DescribedLink | undefined;
  readonly dns?: ResultDns | undefined;
}

async function allocate(
  call: AttachmentCall,
  { ipam, mtu, netnsInode }: { ipam: AnyIpam; mtu: number | undefined; netnsInode: string | undefined },
): Promise<Given> {
  const { attachment, configuration } = call;
  if (ipam.type === "delegated") return (await seldom()).allocateDelegated(call, ipam.executable);
  return new AgentClient(ipam.backend).allocate(attachment, {
    network: configuration.name,
    ownOnly: keepsAddress(configuration),
    ...(netnsInode !== undefined && { makeLink: { netnsInode, mtu } }),
  });
}

/** Takes the pod's network away, link and addresses. */
async function takeAway(call: AttachmentCall, ipam: AnyIpam): Promise<void> {
  const { attachment } = call;
  if (ipam.type === "delegated") {
    const { deleteRetiredLink, releaseDelegated, retireOwnLink } = await seldom();
    // First the link: the other plugin may give the address to the next pod at once.
    const retired = retireOwnLink(attachment);
    await releaseDelegated(call, ipam.executable);
    if (retired !== undefined) deleteRetiredLink(retired);
    return;
  }
  // The agent gives an address to nobody before it has seen the link that had it gone.
  const to = await release(attachment, { ipam, takeLink: { netnsInode: podInodeAt(attachment.netns) } });
  if (to === "agent-with-link") return;
  const { deleteRetiredLink, retireOwnLink } = await seldom();
  const retired = retireOwnLink(attachment);
  // With nobody there to empty the trash, and a namespace that may live on, the links are deleted here and now.
  if (to === "queue" && retired !== undefined) deleteRetiredLink(retired);
}

async function delegated(
  call: NetworkCall,
  { executable }: Extract<AnyIpam, { type: "delegated" }>,
): Promise<void> {
  await (await seldom()).delegate(call, { executable });
}

async function inContext(result: Result, configuration: NetworkConfiguration): Promise<Result> {
  const { own } = configuration;
  if (own.object("prevResult") === undefined && own.object("dns") === undefined) return result;
  return (await seldom()).inContext(result, configuration);
}

function refuseLongId({ containerId }: AttachmentParameters): void {
  if (containerId.length <= LONGEST_CONTAINER_ID) return;
  throw new CniError(
    CODES.invalidEnvironment,
    `CNI_CONTAINERID has ${containerId.length} characters, and may have ${LONGEST_CONTAINER_ID}: it is kept as the alias of the pod's link`,
  );
}

/** After a failed ADD nothing may hold the address: the runtime is not bound to send a DEL. */
async function undo(call: AttachmentCall, ipam: AnyIpam): Promise<void> {
  try {
    await takeAway(call, ipam);
  } catch {
    // The ADD's own error says more, and the DEL that runtimes do send repeats this.
  }
}

function describe(
  { pod, host }: DescribedLink,
  { attachment, allocation }: { attachment: AttachmentParameters; allocation: Allocation },
): Result {
  const { mtu, addresses, destinations } = allocation;
  return {
    interfaces: [
      { name: host.name, mac: host.mac, mtu },
      { name: pod.name, mac: pod.mac, mtu, sandbox: attachment.netns },
    ],
    ips: addresses.map(({ address }) => ({
      address: formatIpPrefix(hostPrefix(address)),
      gateway: wayOutOf(address.family).nextHop,
      interface: 1,
    })),
    routes:
      destinations?.map((destination) => ({
        dst: formatIpPrefix(destination),
        gw: wayOutOf(destination.address.family).nextHop,
      })) ??
      familiesOf(allocation)
        .map(wayOutOf)
        .map(({ everywhere, nextHop }) => ({ dst: everywhere, gw: nextHop })),
  };
}
