import type { WaitingClock } from "../time/waiting-clock.ts";

/** Pods come or go as long as the last one is no longer ago than this. A runtime that makes several needs less between two. */
const QUIET_MS = 30;

/**
 * Whether pods are being attached or detached just now. On a node with few processors, whatever else the agent does then is what
 * they wait for: what can wait asks here, and no longer than it may.
 */
export class Rush {
  readonly #clock: Pick<WaitingClock, "monotonic" | "sleep">;
  readonly #listeners = new Set<() => void>();
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<WaitingClock, "monotonic" | "sleep">) {
    this.#clock = clock;
  }

  /** A pod was served. */
  note(): void {
    this.#last = this.#clock.monotonic();
    for (const listener of this.#listeners) listener();
  }

  /** Tells `listener` of each pod that was served. @returns a function that ends it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For how long nothing that can wait should be done, ms; 0: now is a good time. */
  restMs(): number {
    return Math.max(0, this.#last + QUIET_MS - this.#clock.monotonic());
  }

  /** Waits for a good time, `atMostMs` long or until `signal` is aborted. */
  async outlast(atMostMs: number, signal: AbortSignal): Promise<void> {
    const deadline = this.#clock.monotonic() + atMostMs;
    while (!signal.aborted) {
      const rest = Math.min(this.restMs(), deadline - this.#clock.monotonic());
      if (rest <= 0) return;
      await this.#clock.sleep(rest, signal);
    }
  }
}
