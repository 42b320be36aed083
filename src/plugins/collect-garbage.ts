import type { JsonObject } from "../cni/json-object.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { detachPod } from "../pod-link/detach-pod.ts";
import { AgentClient } from "./agent-client.ts";
import { hostLinkName } from "./host-link-name.ts";
import type { IpamConfiguration } from "./ipam-configuration.ts";

/** The first is the specification's key; runtimes that were written before it was settled tell the second. */
const KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;

/** An attachment as a runtime names it in GC. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

/**
 * The attachments of this network that are still valid.
 * @throws CniError 7 without a list: that is not an empty one, and nothing may be destroyed for it.
 */
export function validAttachments(own: JsonObject): readonly ValidAttachment[] {
  for (const key of KEYS) {
    const valid = own.objects(key);
    if (valid === undefined) continue;
    return valid.map((attachment) => ({
      containerId: attachment.requiredString("containerID"),
      ifName: attachment.requiredString("ifname"),
    }));
  }
  throw own.invalid(KEYS[0], "must be the list of attachments that are still valid");
}

/**
 * Takes back what attachments of this network hold that the runtime does not name, and retires their links on the host. The agent
 * knows which those are; it hands no address out before it has seen the link that had it gone.
 * @throws CniError 7 without a list, 11 when the agent does not answer now.
 */
export async function collectGarbage(
  { name, own }: NetworkConfiguration,
  { backend }: IpamConfiguration,
): Promise<void> {
  const valid = validAttachments(own);
  const collected = await new AgentClient(backend).collectGarbage({ network: name, valid });
  if (collected.length === 0) return;
  using host = NetlinkSocket.open();
  for (const { containerId = "", ifName = "", podNamespace = "", podName = "" } of collected) {
    const args = new Map([
      ["K8S_POD_NAMESPACE", podNamespace],
      ["K8S_POD_NAME", podName],
    ]);
    const hostName = hostLinkName({ args, containerId, ifName });
    detachPod({ pod: undefined, host, containerId, ifName, hostName });
  }
}
