import type { Outcome } from "./outcome.ts";

/** When a call was sent, and when its outcome was known; monotonic ms. `probe` as `admit` answered for it. */
export interface Sending {
  sentAt: number;
  now: number;
  probe: boolean;
}

/** What may forbid all calls but one, the probe, which finds out whether the others would work again. */
export interface Gate {
  isShut(): boolean;
  /** Whether a call may be permitted: the gate is open, or a probe is due and none is out. */
  admits(now: number): boolean;
  /** A call is permitted. @returns whether it is the probe */
  admit(): boolean;
  /** The probe was not sent after all. */
  probeUnused(): void;
  /** A call has ended. */
  settle(outcome: Outcome, sending: Sending): void;
  /** When a probe is due; undefined while the gate is open or a probe is out. */
  probeAt(): number | undefined;
}
