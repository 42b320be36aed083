import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { ContainerRuntime } from "../cri/container-runtime.ts";
import type { Logger } from "../logger.ts";
import { instantOf } from "../pool/instant.ts";
import type { Pool } from "../pool/pool.ts";
import { goneSandboxes, type Missing } from "./gone-sandboxes.ts";

export interface CollectorWorld {
  readonly pool: Pool;
  readonly runtime: ContainerRuntime;
  /** Reads the aliases of the host's links: the container ids of pods whose veth stands. Throws when the kernel does not answer. */
  readonly veths: () => ReadonlySet<string>;
  readonly clock: WaitingClock;
  readonly logger: Logger;
}

const PERIOD_MS = 30_000;

/** Brings back addresses whose sandbox has gone without a DEL, until `signal` is aborted. */
export async function collectGoneSandboxes(world: CollectorWorld, signal: AbortSignal): Promise<void> {
  const { pool, runtime, veths, clock, logger } = world;
  let missing: Missing = new Map();
  while (!signal.aborted) {
    await clock.sleep(PERIOD_MS, signal);
    if (signal.aborted) return;
    try {
      const sandboxes = new Set((await runtime.listSandboxes()).map(({ id }) => id));
      const reading = { sandboxes, veths: veths(), at: instantOf(clock) };
      const found = goneSandboxes(pool.state, reading, missing);
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
