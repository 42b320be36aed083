import type { CloudError } from "../cloud-error.ts";
import type { Outcome } from "./outcome.ts";

/** When a call was sent, and when its outcome was known; monotonic ms. `probe` as `admit` answered for it. */
export interface Sending {
  sentAt: number;
  now: number;
  probe: boolean;
}

/** Why a gate is shut, and how it stands with its probe. */
interface Shut {
  error: CloudError;
  /** When a probe is due, monotonic ms. */
  probeAt: number;
  probeOut: boolean;
}

/**
 * What may forbid all calls but one, the probe, which finds out whether the others would work again. Each kind decides by itself when
 * it shuts and opens; `Kept` is what it keeps for that while it is shut.
 */
export abstract class Gate<Kept = unknown> {
  protected shut: (Shut & Kept) | undefined;

  /** A call has ended. */
  abstract settle(outcome: Outcome, sending: Sending): void;

  isShut(): boolean {
    return this.shut !== undefined;
  }

  /** What the latest call ended with that kept it shut. */
  cause(): CloudError | undefined {
    return this.shut?.error;
  }

  /** Whether a call may be permitted: the gate is open, or a probe is due and none is out. */
  admits(now: number): boolean {
    return this.shut === undefined || (!this.shut.probeOut && now >= this.shut.probeAt);
  }

  /** A call is permitted. @returns whether it is the probe */
  admit(): boolean {
    if (this.shut === undefined) return false;
    this.shut.probeOut = true;
    return true;
  }

  /** The probe was not sent after all. */
  probeUnused(): void {
    if (this.shut !== undefined) this.shut.probeOut = false;
  }

  /** When a probe is due; undefined while the gate is open or a probe is out. */
  probeAt(): number | undefined {
    return this.shut === undefined || this.shut.probeOut ? undefined : this.shut.probeAt;
  }
}
