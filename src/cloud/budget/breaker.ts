import { backOffMs, type Random } from "../../time/back-off.ts";
import type { CloudError } from "../cloud-error.ts";
import { Gate, type Sending } from "./gate.ts";
import type { Outcome } from "./outcome.ts";

/** Calls in a row, and the time that they span, after which a product is taken to be down. */
const FAILURES = 5;
const SPAN_MS = 2000;

const BACK_OFF = { baseMs: 1000, capMs: 30_000 };

/**
 * Shuts when a product of the cloud does not answer, or answers with inner errors, five times in a row over at least two seconds:
 * thousands of calls that run into their timeouts help nobody, and would all be sent at once to a cloud that is getting up. While it
 * is shut one probe goes through after a back-off (1 s doubling to 30 s, of which a random half); the first answer, be it
 * a refusal, opens it.
 */
export class Breaker extends Gate<{ failedProbes: number }> {
  readonly #random: Random;
  #failures = 0;
  /** When the first call of the row was sent. */
  #rowFrom = Number.POSITIVE_INFINITY;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  override settle(outcome: Outcome, { sentAt, now, probe }: Sending): void {
    if (outcome.kind === "unsent" || (outcome.kind === "rejected" && outcome.error.code === "")) {
      if (probe) this.probeUnused();
    } else if (outcome.kind === "failing") {
      this.#failed(outcome.error, { sentAt, now, probe });
    } else {
      this.#failures = 0;
      this.#rowFrom = Number.POSITIVE_INFINITY;
      this.#answeredAt = now;
      this.shut = undefined;
    }
  }

  #failed(error: CloudError, { sentAt, now, probe }: Sending): void {
    if (this.shut !== undefined) {
      if (!probe) return;
      const failedProbes = this.shut.failedProbes + 1;
      this.shut = {
        error,
        failedProbes,
        probeAt: now + backOffMs(failedProbes, { ...BACK_OFF, random: this.#random }),
        probeOut: false,
      };
      return;
    }
    this.#failures++;
    this.#rowFrom = Math.min(this.#rowFrom, sentAt);
    const span = now - Math.max(this.#rowFrom, this.#answeredAt);
    if (this.#failures < FAILURES || span < SPAN_MS) return;
    this.shut = {
      error,
      failedProbes: 0,
      probeAt: now + backOffMs(0, { ...BACK_OFF, random: this.#random }),
      probeOut: false,
    };
  }
}
