import { type Clock, systemClock } from "./clock.ts";

/** A clock that can also wait, so that a test can make time pass. */
export interface WaitingClock extends Clock {
  /** Resolves after `ms`, or as soon as `signal` is aborted; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of this machine. */
export const systemWaitingClock: WaitingClock = { ...systemClock, sleep };

/** Longest time of setTimeout, ms: what is longer would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let left = ms;
  for (; left > LONGEST_MS && !signal?.aborted; left -= LONGEST_MS) await sleepOnce(LONGEST_MS, signal);
  await sleepOnce(left, signal);
}

function sleepOnce(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
