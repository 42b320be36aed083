import { withinLastSecond } from "./admission/rate-limits.ts";
import type { Time } from "./vpc/state.ts";

/** How often an action was called, and how its failures divide. */
export interface ActionCalls {
  readonly calls: number;
  /** By error code; calls that were lost are `lost request` and `lost answer`. */
  readonly errors: Readonly<Record<string, number>>;
  /** The most calls that were let in within any 1000 ms: what a rate limit counts. */
  readonly busiestSecond: number;
}

/** What was called. */
export interface CountedCall {
  /** Empty where the call named none that there is. */
  readonly product: string;
  readonly action: string;
}

interface Tally {
  calls: number;
  errors: Record<string, number>;
  busiestSecond: number;
  /** When those of the last second were let in, oldest first. */
  recent: Time[];
}

/** Counts what the cloud was asked. Actions that do not exist are counted under the name that they were called by. */
export class CallCounter {
  readonly #actions = new Map<string, Tally>();
  readonly #products = new Map<string, Tally>();

  /** A call is let in, and counts towards a rate. Times come in their order. */
  admit(call: CountedCall, now: Time): void {
    for (const tally of this.#talliesOf(call)) {
      tally.recent = [...withinLastSecond(tally.recent, now), now];
      tally.busiestSecond = Math.max(tally.busiestSecond, tally.recent.length);
    }
  }

  /**
   * A call is over, let in or not.
   *
   * @param errorCode absent for one that succeeded
   */
  count(call: CountedCall, errorCode?: string): void {
    for (const tally of this.#talliesOf(call)) {
      tally.calls++;
      if (errorCode !== undefined) {
        tally.errors[errorCode] = (tally.errors[errorCode] ?? 0) + 1;
      }
    }
  }

  /** By action. */
  read(): Record<string, ActionCalls> {
    return shown(this.#actions);
  }

  /** By product: vpc, cvm, tag. */
  readProducts(): Record<string, ActionCalls> {
    return shown(this.#products);
  }

  reset(): void {
    this.#actions.clear();
    this.#products.clear();
  }

  #talliesOf({ product, action }: CountedCall): Tally[] {
    const ofAction = tallyOf(this.#actions, action);
    return product === "" ? [ofAction] : [ofAction, tallyOf(this.#products, product)];
  }
}

function tallyOf(tallies: Map<string, Tally>, key: string): Tally {
  const tally = tallies.get(key) ?? { calls: 0, errors: {}, busiestSecond: 0, recent: [] };
  tallies.set(key, tally);
  return tally;
}

function shown(tallies: Map<string, Tally>): Record<string, ActionCalls> {
  return Object.fromEntries(
    [...tallies].map(([key, { calls, errors, busiestSecond }]) => [
      key,
      { calls, errors: { ...errors }, busiestSecond },
    ]),
  );
}
