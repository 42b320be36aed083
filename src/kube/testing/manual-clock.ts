import type { WaitingClock } from "../waiting-clock.ts";

/** A clock whose time passes only when told to. Its wall clock and monotonic clock go together. */
export interface ManualClock extends WaitingClock {
  /** Lets `ms` pass, waking sleepers in the order of their time; what they do at once is done when this resolves. */
  advance(ms: number): Promise<void>;
}

export function createManualClock(): ManualClock {
  const epoch = Date.UTC(2026, 0, 1);
  let now = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();

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
      await settled();
      for (;;) {
        const next = [...sleepers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        now = Math.max(now, next.at);
        next.wake();
        await settled();
      }
      now = end;
    },
  };
}

/** Promises that are ready have run by then, and those that they made ready. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
