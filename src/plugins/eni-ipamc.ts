import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";
import { formatIpAddress, formatIpPrefix, hostPrefix } from "../netlink/ip-address.ts";
import { AgentClient } from "./agent-client.ts";
import { parseIpamConfiguration } from "./ipam-configuration.ts";
import type { AttachmentCall, Plugin } from "./plugin.ts";
import { NEXT_HOP } from "./pod-network.ts";
import { release } from "./release.ts";

/** tke-eni-ipamc as an executable of its own: an IPAM plugin that gets its addresses from the agent. */
export const eniIpamc: Plugin = {
  async add({ attachment, configuration }: AttachmentCall): Promise<Result> {
    const { backend } = parseIpamConfiguration(configuration);
    const { addresses } = await new AgentClient(backend).allocate(attachment);
    const gateway = formatIpAddress(NEXT_HOP);
    return {
      ips: addresses.map(({ address }) => ({ address: formatIpPrefix(hostPrefix(address)), gateway })),
      routes: [{ dst: "0.0.0.0/0", gw: gateway }],
    };
  },

  async del({ attachment, configuration }: AttachmentCall): Promise<void> {
    await release(attachment, parseIpamConfiguration(configuration));
  },

  status(configuration: NetworkConfiguration): void {
    parseIpamConfiguration(configuration);
  },
};
