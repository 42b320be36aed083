import { startTimer } from "../time/timer.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import type { Rush } from "./rush.ts";

/** So long after the last pod came or went: a node that is busy has no time for it, and a collection stops everything for some milliseconds. */
const QUIET_MS = 10_000;

/**
 * Collects what pods that came and went have left, once none does any more. The runtime does that by itself where it must, which on a quiet node
 * may be never: 250 pods then cost 5 MB that nobody uses.
 *
 * @param collect frees what nothing refers to
 * @returns a function that ends it
 */
export function giveBackMemory(
  { rush, clock }: { rush: Pick<Rush, "subscribe">; clock: WaitingClock },
  collect: () => void,
): () => void {
  let cancel: (() => void) | undefined;
  let last = Number.NEGATIVE_INFINITY;

  function wait(ms: number): void {
    cancel = startTimer(clock, ms, () => {
      const leftMs = last + QUIET_MS - clock.monotonic();
      cancel = undefined;
      if (leftMs > 0) wait(leftMs);
      else collect();
    });
  }

  const unsubscribe = rush.subscribe(() => {
    last = clock.monotonic();
    if (cancel === undefined) wait(QUIET_MS);
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}
