import type { Clock } from "./simulator.ts";
import { DueQueue } from "./vpc/due-queue.ts";
import type { Time } from "./vpc/state.ts";

/** A clock that stands still until it is moved, for specs. */
export class VirtualClock implements Clock {
  #now: Time;
  #queue = DueQueue.empty;
  #made = 0;
  readonly #callbacks = new Map<string, () => void>();

  constructor(now: Time) {
    this.#now = now;
  }

  now(): Time {
    return this.#now;
  }

  wakeAt(time: Time, callback: () => void): () => void {
    this.#made++;
    const key = String(this.#made);
    this.#queue = this.#queue.with(time, key);
    this.#callbacks.set(key, callback);
    return () => this.#callbacks.delete(key);
  }

  /** Lets so many milliseconds pass. Who is woken has done what it can before the next is. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await quiet();
    for (let { first } = this.#queue; first !== undefined && first.due <= end; { first } = this.#queue) {
      this.#queue = this.#queue.withoutFirst();
      const callback = this.#callbacks.get(first.key);
      if (callback !== undefined) {
        this.#callbacks.delete(first.key);
        this.#now = Math.max(this.#now, first.due);
        callback();
        await quiet();
      }
    }
    this.#now = end;
  }
}

/** Resolves when every promise that can be settled without the clock has been. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
