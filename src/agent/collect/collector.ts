import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { type ContainerRuntime, RemovalsRefusedError } from "../cri/container-runtime.ts";
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
  readonly random: Random;
  readonly logger: Logger;
  /** Told of each address that is taken back, and by what was known that its sandbox has gone. */
  readonly collected: (by: "event" | "list") => void;
}

const PERIOD_MS = 30_000;

/** Brings back addresses whose sandbox has gone without a DEL, until `signal` is aborted. */
export async function collectGoneSandboxes(world: CollectorWorld, signal: AbortSignal): Promise<void> {
  const collector = new Collector(world);
  await Promise.all([collector.byEvents(signal), collector.byLists(signal)]);
}

class Collector {
  readonly #world: CollectorWorld;
  #missing: Missing = new Map();

  constructor(world: CollectorWorld) {
    this.#world = world;
  }

  /** The net: whatever is not told of is missed by two lists. */
  async byLists(signal: AbortSignal): Promise<void> {
    const { pool, runtime, veths, clock, logger } = this.#world;
    while (!signal.aborted) {
      await clock.sleep(PERIOD_MS, signal);
      if (signal.aborted) return;
      const before = this.#missing;
      try {
        const sandboxes = new Set((await runtime.listSandboxes()).map(({ id }) => id));
        // The runtime has ended meanwhile, or started.
        if (this.#missing !== before) continue;
        const reading = { sandboxes, veths: veths(), at: instantOf(clock) };
        const found = goneSandboxes(pool.state, reading, before);
        this.#missing = found.missing;
        for (const containerId of found.gone) this.#releaseAll(containerId, "list");
      } catch (error) {
        // No answer is no evidence: what was missing so far has to be missed anew.
        this.#missing = new Map();
        logger.warn(
          { err: error },
          "the sandboxes of this node could not be listed; no address is collected",
        );
      }
    }
  }

  /** What the runtime tells that it has removed is looked at at once. */
  async byEvents(signal: AbortSignal): Promise<void> {
    const { runtime, clock, random, logger } = this.#world;
    for (let failures = 0; !signal.aborted; failures++) {
      let isThere = false;
      try {
        for await (const containerId of runtime.removals(signal)) {
          failures = 0;
          await this.#wasRemoved(containerId);
        }
      } catch (error) {
        isThere = error instanceof RemovalsRefusedError;
        if (!signal.aborted && failures === 0) {
          logger.warn(
            { err: error },
            "the runtime tells of no removals: its list alone is asked until it does",
          );
        }
      }
      // A runtime that starts has an empty list for a moment: it counts for nothing together with one from before.
      if (!isThere) this.#missing = new Map();
      await clock.sleep(backOffMs(failures, { baseMs: 500, capMs: 10_000, random }), signal);
    }
  }

  /**
   * The runtime says that it has removed a sandbox. An allocation of its is older than that, whatever its age: the runtime removes
   * only what it has made. Its list and the kernel must say the same.
   */
  async #wasRemoved(containerId: string): Promise<void> {
    const { runtime, veths, logger } = this.#world;
    if (!this.#holds(containerId)) return;
    try {
      const sandboxes = await runtime.listSandboxes();
      if (sandboxes.some(({ id }) => id === containerId) || veths().has(containerId)) return;
      this.#releaseAll(containerId, "event");
    } catch (error) {
      logger.warn(
        { containerId, err: error },
        "whether a sandbox has gone could not be read: lists will tell",
      );
    }
  }

  #holds(containerId: string): boolean {
    for (const { holding } of this.#world.pool.state.addresses.values()) {
      if (holding.kind === "in-use" && holding.attachment.containerId === containerId) return true;
    }
    return false;
  }

  #releaseAll(containerId: string, by: "event" | "list"): void {
    const { pool, logger, collected } = this.#world;
    for (const { address, holding } of pool.state.addresses.values()) {
      if (holding.kind !== "in-use" || holding.attachment.containerId !== containerId) continue;
      const { podNamespace, podName } = holding.attachment;
      logger.warn(
        { address, containerId, pod: `${podNamespace}/${podName}`, by },
        "the sandbox has gone without a release: its address is taken back",
      );
      pool.release(holding.attachment);
      collected(by);
    }
  }
}
