import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError } from "../cni/error.ts";
import { AgentClient } from "./agent-client.ts";
import type { IpamConfiguration } from "./ipam-configuration.ts";
import { queueRelease } from "./release-queue.ts";

/**
 * Gives an attachment's addresses back: to the agent, or to its queue on disk when the agent does not take them now.
 * @returns where they went.
 * @throws CniError 5 when neither worked.
 */
export async function release(
  attachment: AttachmentParameters,
  { backend, releases }: IpamConfiguration,
): Promise<"agent" | "queue"> {
  try {
    await new AgentClient(backend).release(attachment);
    return "agent";
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    queueRelease(attachment, { folder: releases, now: new Date() });
    return "queue";
  }
}
