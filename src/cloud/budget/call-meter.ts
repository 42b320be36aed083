import type { CloudErrorClass } from "../cloud-error.ts";
import type { Outcome } from "./outcome.ts";
import { CLOUD_ACTIONS, type CloudAction } from "./rates.ts";

/** What became of the calls of one action since the start. */
export interface CallCounts {
  calls: number;
  throttled: number;
  /** Failed calls by class, throttled ones among them; classes that never came are absent. */
  errors: Partial<Record<CloudErrorClass, number>>;
}

/** Counts calls. */
export class CallMeter {
  readonly #counts = new Map<CloudAction, CallCounts>(
    CLOUD_ACTIONS.map((action) => [action, { calls: 0, throttled: 0, errors: {} }]),
  );

  count(action: CloudAction, outcome: Outcome): void {
    const counts = this.#counts.get(action);
    if (counts === undefined) return;
    counts.calls++;
    if (outcome.kind === "throttled") counts.throttled++;
    if ("error" in outcome) {
      const { class: meaning } = outcome.error;
      counts.errors[meaning] = (counts.errors[meaning] ?? 0) + 1;
    }
  }

  of(action: CloudAction): CallCounts {
    const { calls, throttled, errors } = this.#counts.get(action) ?? { calls: 0, throttled: 0, errors: {} };
    return { calls, throttled, errors: { ...errors } };
  }
}
