import { startTimer } from "../time/timer.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";

/** What a piece of work asks for when it is done. */
export interface WorkResult {
  /** Do it again after so many milliseconds, unless something triggers it before. */
  againInMs?: number;
}

export interface WorkQueueOptions {
  work: (key: string) => Promise<WorkResult>;
  /** Called when `work` threw; the work is repeated after a pause that doubles up to `maxBackOffMs`. */
  failed: (key: string, error: unknown, backOffMs: number) => void;
  concurrency: number;
  minBackOffMs: number;
  maxBackOffMs: number;
  random: () => number;
  clock: WaitingClock;
}

interface Item {
  running: boolean;
  /** Triggered while it ran: runs once more. */
  again: boolean;
  failures: number;
  /** Cancels the pause before the next run. */
  pause: (() => void) | undefined;
}

/**
 * Runs work by key: one run a key at a time, at most `concurrency` in all, in the order of the triggers. A trigger during a run
 * makes one more run, however many there were. A failed run waits its pause out whatever triggers come.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #items = new Map<string, Item>();
  readonly #waiting = new Set<string>();
  #running = 0;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  trigger(key: string): void {
    if (this.#stopped) return;
    const item = this.#items.get(key) ?? { running: false, again: false, failures: 0, pause: undefined };
    this.#items.set(key, item);
    if (item.running) {
      item.again = true;
      return;
    }
    if (item.failures > 0 && item.pause !== undefined) return;
    item.pause?.();
    item.pause = undefined;
    this.#waiting.add(key);
    this.#next();
  }

  /** Begins nothing more, and resolves when what runs is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const item of this.#items.values()) item.pause?.();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      const item = this.#items.get(key);
      if (item !== undefined) void this.#run(key, item);
    }
  }

  async #run(key: string, item: Item): Promise<void> {
    item.running = true;
    this.#running++;
    let pause: number | undefined;
    try {
      const result = await this.#options.work(key);
      item.failures = 0;
      pause = result.againInMs;
    } catch (error) {
      const { minBackOffMs, maxBackOffMs, random } = this.#options;
      pause = Math.min(maxBackOffMs, minBackOffMs * 2 ** item.failures) * (0.5 + random() / 2);
      item.failures++;
      this.#options.failed(key, error, pause);
    }
    item.running = false;
    this.#running--;
    this.#rest(key, item, pause);
    if (this.#stopped && this.#running === 0) this.#idle?.();
    this.#next();
  }

  #rest(key: string, item: Item, pause: number | undefined): void {
    if (this.#stopped) return;
    if (item.again && item.failures === 0) {
      item.again = false;
      this.#waiting.add(key);
    } else if (pause !== undefined) {
      item.again = false;
      item.pause = startTimer(this.#options.clock, pause, () => {
        item.pause = undefined;
        this.#waiting.add(key);
        this.#next();
      });
    } else if (item.failures === 0) {
      this.#items.delete(key);
    }
  }
}
