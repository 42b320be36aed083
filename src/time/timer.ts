import type { WaitingClock } from "./waiting-clock.ts";

/**
 * Calls back once after `ms` on that clock.
 *
 * @returns a function that cancels it
 */
export function startTimer(clock: WaitingClock, ms: number, callback: () => void): () => void {
  const cancelled = new AbortController();
  void clock.sleep(ms, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) callback();
  });
  return () => cancelled.abort();
}
