/** The passing of time, handed in so that every decision can be replayed. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump: only for dates that people and objects carry. */
  now(): number;
  /** Milliseconds since an arbitrary point; never goes back. For every duration and deadline. */
  monotonic(): number;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
