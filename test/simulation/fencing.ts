import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { CallUnderWay, SentCall } from "./cloud-road.ts";

/**
 * Whether leaders change the cloud one after the other.
 *
 * A call can be held up for as long as a machine can be paused, and no wait protects from all of that. What must hold: nobody sends
 * anything once a successor has, and what a former leader has sent takes effect before the successor's first call, unless it was
 * longer on its way than the successor has to allow for.
 */
export class Fencing {
  readonly #leaseMs: number;
  readonly #callMs: number;
  /** Who has sent something, in the order of the first time. */
  readonly #leaders: string[] = [];
  /** By holder, how long its last call may take before it meets one of a successor's. */
  readonly #allowed = new Map<string, number>();

  /** @param options how long a lease of ipamd's lasts, and how long it waits for an answer of the cloud, in milliseconds */
  constructor({ leaseMs, callMs }: { leaseMs: number; callMs: number }) {
    this.#leaseMs = leaseMs;
    this.#callMs = callMs;
  }

  /** The lease has come, changed or gone. */
  leaseChanged(before: JsonObject | undefined, after: JsonObject | undefined): void {
    const holder = textAt(before ?? {}, "spec.holderIdentity");
    const next = textAt(after ?? {}, "spec.holderIdentity");
    if (holder === "" || holder === next) return;
    this.#allowed.set(holder, this.#allowedAfter(after === undefined ? "deleted" : next));
  }

  /** @returns what is wrong with sending it, if something is */
  sent({ identity, action }: SentCall): string | undefined {
    const current = this.#leaders.at(-1);
    if (identity === current) return undefined;
    if (!this.#leaders.includes(identity)) {
      this.#leaders.push(identity);
      return undefined;
    }
    return `${identity} has sent ${action} after ${current}, which leads after it, has changed the cloud`;
  }

  /** @returns what is wrong with its taking effect now, if something is */
  takesEffect({ identity, action, sentAt }: CallUnderWay, now: number): string | undefined {
    const current = this.#leaders.at(-1);
    if (identity === current) return undefined;
    const underWayMs = now - sentAt;
    const allowedMs = this.#allowed.get(identity) ?? this.#callMs;
    if (underWayMs >= allowedMs) return undefined;
    return `${action} of ${identity} took effect after ${current}, which leads after it, had changed the cloud: it was under way for ${Math.round(underWayMs)} ms, and the successor must allow for ${allowedMs}`;
  }

  /**
   * The last call was sent while the lease was to outlive its timeout. Who gives the lease back has waited for its calls. Where the
   * lease was deleted its holder goes on until it would have run out; where it ran out that time has passed already. Then the
   * successor waits for as long as a lease lasts and a call may take.
   */
  #allowedAfter(next: string): number {
    if (next === "") return this.#callMs;
    return next === "deleted" ? 2 * this.#callMs : this.#leaseMs + 2 * this.#callMs;
  }
}
