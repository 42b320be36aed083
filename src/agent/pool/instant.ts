import type { Clock } from "../../time/clock.ts";

/** One reading of both clocks: durations are counted on `monotonic`, dates that outlive the process on `wall`. */
export interface Instant {
  /** Milliseconds since 1970. */
  wall: number;
  /** Milliseconds since an arbitrary point; never goes back. */
  monotonic: number;
}

/** Reads both clocks. */
export function instantOf(clock: Clock): Instant {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}
