import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";

export interface Patience {
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Makes a call until it succeeds, ever more slowly.
 *
 * @param what completes the sentence "… failed, trying again"
 * @throws when `signal` is aborted, and for nothing else
 */
export async function untilAnswered<T>(
  call: () => Promise<T>,
  { clock, random, logger }: Patience,
  { what, signal }: { what: string; signal: AbortSignal },
): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      const pauseMs = backOffMs(failures, { baseMs: 200, capMs: 30_000, random });
      logger.warn({ err: error, pauseMs }, `${what} failed, trying again`);
      await clock.sleep(pauseMs, signal);
    }
  }
}
