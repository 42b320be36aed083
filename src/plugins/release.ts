import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError } from "../cni/error.ts";
import { AgentClient } from "./agent-client.ts";
import type { IpamConfiguration } from "./ipam-configuration.ts";

/**
 * Gives an attachment's addresses back: to the agent, or to its queue on disk when the agent does not take them now.
 *
 * @param takeLink the agent may take the pod's link away, too, in the namespace of this inode (undefined: it is dead)
 * @returns where they went, and whether nothing is left of the link either
 * @throws CniError 5 when neither worked.
 */
export async function release(
  attachment: AttachmentParameters,
  {
    ipam: { backend, releases },
    takeLink,
  }: { ipam: IpamConfiguration; takeLink?: { readonly netnsInode: string | undefined } },
): Promise<"agent" | "agent-with-link" | "queue"> {
  try {
    const { linkTaken } = await new AgentClient(backend).release(attachment, takeLink);
    return linkTaken ? "agent-with-link" : "agent";
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    const { queueRelease } = await import("./seldom.ts");
    queueRelease(attachment, { folder: releases, now: new Date() });
    return "queue";
  }
}
