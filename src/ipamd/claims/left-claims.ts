import type { KubeClient } from "../../kube/kube-client.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { ClaimObjects } from "../objects/claim-objects.ts";
import { follow } from "../objects/follow.ts";
import type { ClaimReflector } from "../watches.ts";
import { WorkQueue } from "../work-queue.ts";
import { claimKey, nameIn } from "./claim-book.ts";

export interface LeftClaimsWorld {
  /** Writes are refused once this process leads no more. */
  kube: KubeClient;
  clock: WaitingClock;
  random: Random;
  logger: Logger;
}

/** Claims to be let go of at a time. */
const CONCURRENCY = 16;

/**
 * Claims that an ipamd with `--static-ip` has left, where this one has no such flag: they stand for nothing any more. Those that somebody
 * deletes are let go of, since nobody else would take their finalizer off, and a namespace would never end.
 */
export class LeftClaims {
  readonly #claims: ClaimReflector;
  readonly #objects: ClaimObjects;
  readonly #queue: WorkQueue;
  #unfollow: (() => void) | undefined;

  constructor({ kube, clock, random, logger }: LeftClaimsWorld, claims: ClaimReflector) {
    this.#claims = claims;
    this.#objects = new ClaimObjects(kube, claims);
    this.#queue = new WorkQueue({
      work: async (key) => {
        const claim = this.#objects.cache.get(...nameIn(key));
        if (claim?.metadata.deletionTimestamp !== undefined) await this.#objects.finish(claim);
        return {};
      },
      failed: (key, error, backOffMs) =>
        logger.warn({ claim: key, err: error, backOffMs }, "a claim that is deleted was not let go of"),
      concurrency: CONCURRENCY,
      minBackOffMs: 1000,
      maxBackOffMs: 60_000,
      random,
      clock,
    });
  }

  start(): void {
    this.#unfollow = follow(this.#claims, this.#objects.cache, (claim) =>
      this.#queue.trigger(claimKey(claim)),
    );
    for (const claim of this.#claims.store.list()) this.#queue.trigger(claimKey(claim));
  }

  async stop(): Promise<void> {
    this.#unfollow?.();
    await this.#queue.stop();
  }
}
