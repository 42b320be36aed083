import { statSync } from "node:fs";
import { AGENT_RUN_FOLDER, SERVED_FILE } from "../api/agent-paths.ts";
import { CniError, CODES } from "../cni/error.ts";
import { AgentClient } from "./agent-client.ts";
import type { IpamConfiguration } from "./ipam-configuration.ts";

/** The agent touches its file every ten seconds. */
const GONE_AFTER_MS = 60_000;

/**
 * Whether a pod that came now could be served, for STATUS. A runtime takes any error for a node that cannot run pods, so an agent
 * that is being replaced is none: only one that has not served since the node's boot, or that has been gone for a minute.
 *
 * @param now wall clock
 * @throws CniError 50 saying which of the two it is, and what the agent or its absence said.
 */
export async function checkAgent({ backend }: IpamConfiguration, now = Date.now()): Promise<void> {
  let reason: string;
  try {
    await new AgentClient(backend).status();
    return;
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    // An agent that is older than this plugin, and about to be replaced, is there.
    if (error.code === CODES.unsupportedField) return;
    reason = error.message;
  }
  const path = `${"socket" in backend ? folderOf(backend.socket) : AGENT_RUN_FOLDER}/${SERVED_FILE}`;
  const servedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (servedAt === undefined) {
    throw new CniError(
      CODES.notAvailable,
      `tke-eni-agent has not served since this node's boot (there is no ${path}): ${reason}`,
    );
  }
  const silence = now - servedAt;
  if (silence <= GONE_AFTER_MS) return;
  throw new CniError(
    CODES.notAvailable,
    `tke-eni-agent has not served for ${Math.round(silence / 1000)} s (${path} is that old): ${reason}`,
  );
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
