import { Gate, type Sending } from "./gate.ts";
import type { Outcome } from "./outcome.ts";

/** Pause between two probes with a credential, or a clock, that was rejected. */
const PROBE_MS = 10_000;

/**
 * Shuts when the cloud rejects the credential or the time of a signature, since every other call would be rejected too, and an
 * account that sends thousands of them gets blocked. A probe goes through every 10 s, and at once after the credential has
 * changed. Opens when a call that was sent since is answered in any other way.
 */
export class CredentialGate extends Gate<{ at: number }> {
  #changedAt = Number.NEGATIVE_INFINITY;

  /** There is another credential now, which no call made before says anything about. */
  changed(now: number): void {
    this.#changedAt = now;
    if (this.shut !== undefined) this.shut.probeAt = now;
  }

  override settle(outcome: Outcome, { sentAt, now, probe }: Sending): void {
    const shut = this.shut;
    if (outcome.kind === "rejected") {
      const probeAt = sentAt < this.#changedAt ? now : now + PROBE_MS;
      if (shut === undefined) this.shut = { error: outcome.error, at: now, probeAt, probeOut: false };
      else if (probe) this.shut = { ...shut, error: outcome.error, probeAt, probeOut: false };
    } else if (shut !== undefined && outcome.kind !== "failing" && outcome.kind !== "unsent") {
      if (sentAt >= shut.at) this.shut = undefined;
    } else if (shut !== undefined && probe) {
      this.shut = { ...shut, probeAt: now + PROBE_MS, probeOut: false };
    }
  }
}
