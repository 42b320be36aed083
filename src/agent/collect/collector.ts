import type { WaitingClock } from "../../kube/waiting-clock.ts";
import { dumpLinks } from "../../netlink/link.ts";
import { NetlinkSocket } from "../../netlink/socket.ts";
import type { ContainerRuntime } from "../cri/container-runtime.ts";
import type { Logger } from "../logger.ts";
import { instantOf } from "../pool/instant.ts";
import type { Pool } from "../pool/pool.ts";
import { goneSandboxes, type Missing } from "./gone-sandboxes.ts";

export interface CollectorWorld {
  readonly pool: Pool;
  readonly runtime: ContainerRuntime;
  readonly clock: WaitingClock;
  readonly logger: Logger;
}

const PERIOD_MS = 30_000;

/** Brings back addresses whose sandbox has gone without a DEL, until `signal` is aborted. */
export async function collectGoneSandboxes(world: CollectorWorld, signal: AbortSignal): Promise<void> {
  const { pool, runtime, clock, logger } = world;
  let missing: Missing = new Map();
  using socket = NetlinkSocket.open();
  while (!signal.aborted) {
    await clock.sleep(PERIOD_MS, signal);
    if (signal.aborted) return;
    try {
      const sandboxes = new Set((await runtime.listSandboxes()).map(({ id }) => id));
      const links = socket.dump(dumpLinks());
      const veths = new Set(links.flatMap(({ alias }) => (alias === undefined ? [] : [alias])));
      const found = goneSandboxes(pool.state, { sandboxes, veths, at: instantOf(clock) }, missing);
      missing = found.missing;
      for (const containerId of found.gone) releaseAll(world, containerId);
    } catch (error) {
      // No answer is no evidence: what was missing so far has to be missed anew.
      missing = new Map();
      logger.warn({ err: error }, "the sandboxes of this node could not be listed; no address is collected");
    }
  }
}

function releaseAll({ pool, logger }: CollectorWorld, containerId: string): void {
  for (const { address, holding } of pool.state.addresses.values()) {
    if (holding.kind !== "in-use" || holding.attachment.containerId !== containerId) continue;
    const { podNamespace, podName } = holding.attachment;
    logger.warn(
      { address, containerId, pod: `${podNamespace}/${podName}` },
      "the sandbox has gone without a release: its address is taken back",
    );
    pool.release(holding.attachment);
  }
}
