import type { WaitingClock } from "../../time/waiting-clock.ts";
import { type CloudAction, PRODUCT_RATE, RATES } from "../budget/rates.ts";

/** A cloud that sees calls some time after they were sent, and answers some time after that. */
export class RatedServer {
  readonly #clock: WaitingClock;
  readonly #delay: () => number;
  readonly #seen: { action: CloudAction; at: number }[] = [];

  /** @param delay ms that the next message takes, either way */
  constructor(clock: WaitingClock, delay: () => number) {
    this.#clock = clock;
    this.#delay = delay;
  }

  /** Sends a call; `answer` runs when the server sees it. */
  async call<T>(action: CloudAction, answer: () => T): Promise<T> {
    await this.#clock.sleep(this.#delay());
    this.#seen.push({ action, at: this.#clock.monotonic() });
    try {
      return answer();
    } finally {
      await this.#clock.sleep(this.#delay());
    }
  }

  calls(action: CloudAction): number {
    return this.#seen.filter((it) => it.action === action).length;
  }

  /** Each limit that some second has seen exceeded. */
  excesses(productRate = PRODUCT_RATE): string[] {
    const byAction = Map.groupBy(this.#seen, ({ action }) => action as string);
    const byProduct = Map.groupBy(this.#seen, ({ action }) => RATES[action].product as string);
    return [
      ...[...byAction].flatMap(([action, calls]) =>
        excess(action, calls, RATES[action as CloudAction].perSecond),
      ),
      ...[...byProduct].flatMap(([product, calls]) => excess(product, calls, productRate)),
    ];
  }
}

function excess(name: string, calls: readonly { at: number }[], limit: number): string[] {
  const times = calls.map(({ at }) => at).sort((a, b) => a - b);
  const at = times.find((time, i) => (times[i + limit] ?? Number.POSITIVE_INFINITY) < time + 1000);
  return at === undefined ? [] : [`more than ${limit} calls of ${name} in the second from ${at} ms`];
}
