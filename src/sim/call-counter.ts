import type { Time } from "./vpc/state.ts";

/** How often an action was called, and how its failures divide. */
export interface ActionCalls {
  readonly calls: number;
  /** By error code; calls that were lost are `lost request` and `lost answer`. */
  readonly errors: Readonly<Record<string, number>>;
  /** The most calls that were let in within any 1000 ms: what a rate limit counts. */
  readonly busiestSecond: number;
}

/** A call that is over. */
export interface CountedCall {
  /** Empty where the call named none that there is. */
  readonly product: string;
  readonly action: string;
  /** When it was let in; absent for one that was lost, or refused before it counted towards a rate. */
  readonly admittedAt?: Time | undefined;
  /** Absent for a call that succeeded. */
  readonly errorCode?: string | undefined;
}

interface Tally {
  calls: number;
  errors: Record<string, number>;
  busiestSecond: number;
  /** When those of the last second were let in. */
  recent: Time[];
}

/** Counts what the cloud was asked. Actions that do not exist are counted under the name that they were called by. */
export class CallCounter {
  readonly #actions = new Map<string, Tally>();
  readonly #products = new Map<string, Tally>();

  count(call: CountedCall): void {
    add(this.#actions, call.action, call);
    if (call.product !== "") {
      add(this.#products, call.product, call);
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
}

function add(tallies: Map<string, Tally>, key: string, { admittedAt, errorCode }: CountedCall): void {
  const tally = tallies.get(key) ?? { calls: 0, errors: {}, busiestSecond: 0, recent: [] };
  tallies.set(key, tally);
  tally.calls++;
  if (errorCode !== undefined) {
    tally.errors[errorCode] = (tally.errors[errorCode] ?? 0) + 1;
  }
  if (admittedAt !== undefined) {
    // Calls are counted when they end, and need not end in the order in which they were let in.
    const at = tally.recent.findLastIndex((time) => time <= admittedAt) + 1;
    tally.recent.splice(at, 0, admittedAt);
    tally.recent = tally.recent.filter((time) => time > admittedAt - 1000);
    tally.busiestSecond = Math.max(tally.busiestSecond, tally.recent.length);
  }
}

function shown(tallies: Map<string, Tally>): Record<string, ActionCalls> {
  return Object.fromEntries(
    [...tallies].map(([key, { calls, errors, busiestSecond }]) => [
      key,
      { calls, errors: { ...errors }, busiestSecond },
    ]),
  );
}
