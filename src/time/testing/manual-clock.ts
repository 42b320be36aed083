import type { WaitingClock } from "../waiting-clock.ts";

/** A clock whose time passes only when told to. Its wall clock and monotonic clock go together. */
export interface ManualClock extends WaitingClock {
  /** Lets `ms` pass, waking sleepers in the order of their time; what they do at once is done when this resolves. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until a condition holds. @throws Error if it does not within `ms` */
  until(condition: () => boolean, ms: number): Promise<void>;
}

export function createManualClock(): ManualClock {
  const epoch = Date.UTC(2026, 0, 1);
  let now = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();

  /** Wakes the next sleeper if its time is at most `end`. */
  async function step(end: number): Promise<boolean> {
    await settled();
    let next: { at: number; wake: () => void } | undefined;
    for (const sleeper of sleepers) if (next === undefined || sleeper.at < next.at) next = sleeper;
    if (next === undefined || next.at > end) return false;
    now = Math.max(now, next.at);
    next.wake();
    await settled();
    return true;
  }

  return {
    now: () => epoch + now,
    monotonic: () => now,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const sleeper = { at: now + ms, wake };
        function wake(): void {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        }
        sleepers.add(sleeper);
        signal?.addEventListener("abort", wake);
      });
    },
    async advance(ms) {
      const end = now + ms;
      while (await step(end));
      now = end;
    },
    async until(condition, ms) {
      const end = now + ms;
      while (!condition()) {
        if (!(await step(end))) throw new Error(`nothing of it within ${ms} ms`);
      }
    },
  };
}

/** Promises that are ready have run by then, and those that they made ready. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
