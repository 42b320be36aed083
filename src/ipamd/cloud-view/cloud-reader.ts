import type { CloudReads } from "../../cloud/budget/budgeted-reads.ts";
import type { Eni, Tag } from "../../cloud/cloud-vpc.ts";
import type { Logger } from "../../kube/logger.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { CloudView } from "./cloud-view.ts";

/** Most ids that one DescribeNetworkInterfaces takes. */
const PAGE = 100;

/** Most pages in one poll: what is left of the product's rate makes ENIs. */
const PAGES = 2;

/** Most time between two readings of an ENI with something under way, ms. */
const SLOWEST_MS = 5000;

/** What nobody waits for is looked at so much later: one reading sees many of them done. */
const RELAXED_MS = 1500;

/** An operation is first looked at when this much of the time has passed that its like took last. */
const EARLIEST = 0.85;

export interface CloudReaderOptions {
  cloud: Pick<CloudReads, "interfacesById" | "interfacesByTag">;
  view: CloudView;
  clock: WaitingClock;
  logger: Logger;
  /** Found on every ENI of this cluster. */
  tag: Tag;
  /** Whether an ENI with that tag is really ours. */
  isOurs: (eni: Eni) => boolean;
  /** Called with the ENIs that a reading changed. */
  changed: (eniIds: readonly string[]) => void;
  /** Called with what carries our tag and is not ours, after each reading of everything. */
  foreign: (enis: readonly Eni[]) => void;
  /** Pause between two readings of unsettled ENIs, and that while calls wait for their turn, ms. */
  pollMs: number;
  pressedPollMs: number;
  isPressed: () => boolean;
  /** Whether somebody waits for what is under way on the ENI. */
  isUrgent: (eniId: string) => boolean;
  /** Pause between two readings of everything, ms. */
  fullMs: number;
}

/** When an ENI with something under way was first and last read. */
interface Watched {
  since: number;
  readAt: number;
  /** An operation of ours: one that moves the ENI to or from an instance takes longer than others. */
  operation: "move" | "other" | undefined;
}

/**
 * Reads the cloud into the view: all ENIs of the cluster at times, and those with something under way often, many in one call.
 * Completion of every operation is seen here; no task is ever polled (DescribeVpcTaskResult allows 20 calls a second). An operation
 * is looked at when its like were done last time, then often, and what takes long is read less often.
 */
export class CloudReader {
  readonly #options: CloudReaderOptions;
  readonly #stopping = new AbortController();
  readonly #watched = new Map<string, Watched>();
  readonly #typicalMs = new Map<NonNullable<Watched["operation"]>, number>();
  #fullAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;
  /** Ends when the last reading does, however it ends. */
  #lastReading: Promise<unknown> = Promise.resolve();
  /** The reading of everything that has not begun yet. */
  #nextFull: Promise<number> | undefined;
  #lastFailure = "";
  #lastAnswer: readonly Eni[] = [];

  constructor(options: CloudReaderOptions) {
    this.#options = options;
  }

  /** Keeps reading until `stop()`. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, pollMs, pressedPollMs, isPressed } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(isPressed() ? pressedPollMs : pollMs, signal);
      if (signal.aborted) return;
      await this.#poll();
    }
  }

  async #poll(): Promise<void> {
    const { clock, fullMs } = this.#options;
    try {
      if (clock.monotonic() - this.#fullAt >= fullMs) await this.readAll();
      const ids = this.#due(clock.monotonic());
      for (let i = 0; i < ids.length; i += PAGE) {
        await this.#inTurn(() => this.#read(ids.slice(i, i + PAGE)));
      }
      this.#lastFailure = "";
    } catch (error) {
      this.#report(error);
    }
  }

  /** Once for each failure, not at every poll while it lasts. */
  #report(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message === this.#lastFailure) return;
    this.#lastFailure = message;
    this.#options.logger.warn({ err: error }, "reading ENIs failed; it is tried again until it works");
  }

  /** Unsettled ENIs whose turn it is, those first that were read longest ago. */
  #due(now: number): string[] {
    const due: [id: string, readAt: number][] = [];
    const { view } = this.#options;
    for (const id of view.unsettled()) {
      const watched = this.#watch(id, now);
      const typicalMs = (watched.operation && this.#typicalMs.get(watched.operation)) ?? 0;
      const expectedMs = Math.min(typicalMs, SLOWEST_MS);
      const isUrgent = this.#options.isUrgent(id);
      const earliestMs = isUrgent ? EARLIEST * expectedMs : expectedMs + RELAXED_MS;
      if (watched.operation !== undefined && now - watched.since < earliestMs) continue;
      const leastMs = isUrgent ? 0 : RELAXED_MS;
      const pauseMs = Math.max(leastMs, Math.min((now - watched.since - typicalMs) / 4, SLOWEST_MS));
      if (now - watched.readAt >= pauseMs) due.push([id, watched.readAt]);
    }
    return due
      .sort(([, a], [, b]) => a - b)
      .slice(0, PAGES * PAGE)
      .map(([id]) => id);
  }

  #watch(id: string, now: number): Watched {
    const known = this.#watched.get(id);
    const operation = this.#options.view.operation(id);
    // One that was waited for in any case may have begun something new.
    if (known !== undefined && (operation === undefined || operation.since <= known.since)) return known;
    const watched: Watched = {
      since: operation?.since ?? now,
      readAt: known?.readAt ?? Number.NEGATIVE_INFINITY,
      operation: operation && (operation.moves ? "move" : "other"),
    };
    this.#watched.set(id, watched);
    return watched;
  }

  /** What the last reading of everything showed, also what carries our tag and is not ours. */
  get lastAnswer(): readonly Eni[] {
    return this.#lastAnswer;
  }

  /**
   * Reads everything, from now on: who asks while a reading runs gets the next one, which all of them share.
   *
   * @returns when it began, monotonic ms
   */
  readAll(): Promise<number> {
    this.#nextFull ??= this.#inTurn(() => {
      this.#nextFull = undefined;
      return this.#readEverything();
    });
    return this.#nextFull;
  }

  /**
   * Readings come one after the other: one of everything, which may take seconds, would take back what a shorter one beside it has
   * shown since, such as that an ENI is attached.
   */
  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const reading = this.#lastReading.then(read);
    this.#lastReading = reading.catch(() => {});
    return reading;
  }

  async #readEverything(): Promise<number> {
    const { cloud, view, clock, tag, isOurs, changed, foreign } = this.#options;
    const began = clock.monotonic();
    const answer = await cloud.interfacesByTag(tag);
    this.#fullAt = began;
    this.#lastAnswer = answer;
    const found = view.readAll(answer.filter(isOurs), began);
    this.#forgetSettled();
    changed(found);
    foreign(answer.filter((eni) => !isOurs(eni)));
    return began;
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { cloud, view, clock, changed } = this.#options;
    const began = clock.monotonic();
    for (const id of ids) {
      const watched = this.#watched.get(id);
      if (watched !== undefined) watched.readAt = began;
    }
    const found = view.read(ids, await cloud.interfacesById(ids), began);
    this.#forgetSettled();
    changed(found);
  }

  /** At once: the next operation on an ENI may begin before the next poll, and is not a slow one because others came before it. */
  #forgetSettled(): void {
    const unsettled = new Set(this.#options.view.unsettled());
    const now = this.#options.clock.monotonic();
    for (const [id, { since, operation }] of this.#watched) {
      if (unsettled.has(id)) continue;
      this.#watched.delete(id);
      if (operation === undefined) continue;
      // The shortest time counts at once, a longer one little by little: being early costs a reading, being late time.
      const tookMs = now - since;
      const before = this.#typicalMs.get(operation) ?? tookMs;
      this.#typicalMs.set(operation, Math.min(tookMs, before + (tookMs - before) / 8));
    }
  }
}
