import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";
import { AF_INET, formatIpPrefix, hostPrefix, type IpAddress } from "../netlink/ip-address.ts";
import { wayOutOf } from "../pod-link/way-out.ts";
import { AgentClient } from "./agent-client.ts";
import { checkAgent } from "./check-agent.ts";
import { checkRecord } from "./check-record.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { parseIpamConfiguration } from "./ipam-configuration.ts";
import type { AttachmentCall, NetworkCall, Plugin } from "./plugin.ts";
import { release } from "./release.ts";

/** The stock bridge plugin's own default. */
const DEFAULT_BRIDGE = "cni0";
/** RT_SCOPE_LINK */
const SCOPE_LINK = 253;
/** So low that the route is never taken: it only makes the next hop one that can be reached. */
const ONLINK_PRIORITY = 4096;

/** tke-eni-ipamc as an executable of its own: an IPAM plugin that gets its addresses from the agent. */
export const eniIpamc: Plugin = {
  async add({ attachment, configuration }: AttachmentCall): Promise<Result> {
    const { backend } = parseIpamConfiguration(configuration);
    const foreign = { device: deviceOf(configuration) };
    const network = configuration.name;
    const { allocation } = await new AgentClient(backend).allocate(attachment, { network, foreign });
    return describe(allocation.addresses.map(({ address }) => address));
  },

  async del({ attachment, configuration }: AttachmentCall): Promise<void> {
    await release(attachment, { ipam: parseIpamConfiguration(configuration) });
  },

  async check({ attachment, configuration }: AttachmentCall): Promise<void> {
    await checkRecord({ attachment, configuration }, parseIpamConfiguration(configuration));
  },

  async gc({ configuration }: NetworkCall): Promise<void> {
    await collectGarbage(configuration, parseIpamConfiguration(configuration));
  },

  async status({ configuration }: NetworkCall): Promise<void> {
    const ipam = parseIpamConfiguration(configuration);
    deviceOf(configuration);
    await checkAgent(ipam);
  },
};

/**
 * Link of the host behind which the pod will be: the bridge where the main plugin is `bridge`, none where it makes a route to the pod
 * itself, as `ptp` does.
 * @throws CniError 7 for a bridge without an address, on which nobody would answer for the pods' next hop.
 */
function deviceOf({ type, own }: NetworkConfiguration): string {
  if (type !== "bridge") return "";
  if (!own.boolean("isGateway") && !own.boolean("isDefaultGateway")) {
    throw own.invalid(
      "isGateway",
      "must be true with tke-eni-ipamc: the bridge answers for the pods' next hop",
    );
  }
  return own.string("bridge") ?? DEFAULT_BRIDGE;
}

/**
 * Each address alone, and no subnet of which others would be asked for by ARP. The main plugin adds the routes in this order: by the
 * first the kernel believes that the next hop is on the link; the second is what stock plugins look for beside an address.
 */
function describe(addresses: readonly IpAddress[]): Result {
  const each = addresses.map((address) => {
    const { everywhere, nextHop: gateway } = wayOutOf(address.family);
    const nobody = address.family === AF_INET ? "0.0.0.0" : "::";
    const own = formatIpPrefix(hostPrefix(address));
    return { everywhere, nobody, own, gateway };
  });
  return {
    ips: each.map(({ own, gateway }) => ({ address: own, gateway })),
    routes: each.flatMap(({ everywhere, nobody, own, gateway }) => [
      { dst: everywhere, gw: nobody, priority: ONLINK_PRIORITY, scope: SCOPE_LINK },
      { dst: own, gw: gateway },
      { dst: everywhere, gw: gateway },
    ]),
  };
}
