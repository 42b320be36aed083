import type { Random } from "../time/back-off.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import { events } from "./core-resources.ts";
import { count, eventOf, type Occurrence, type Series, type SeriesBook, seconds } from "./event-series.ts";
import type { KubeClient } from "./kube-client.ts";
import { KubeError } from "./kube-error.ts";
import type { Logger } from "./logger.ts";

/** What a recorder needs of the world. */
export interface RecorderWorld {
  readonly client: Pick<KubeClient, "create" | "mergePatch">;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface RecorderOptions {
  /** Who reports: `tke-eni-agent`. */
  readonly component: string;
  /** Which of them: the node's name, or the pod's. */
  readonly instance: string;
}

/** Tells people what happened to an object, where `kubectl describe` shows it. */
export interface EventRecorder {
  /**
   * Records an occurrence. Equal ones become one Event with a count. Returns at once and never throws: an Event is a courtesy,
   * and what cannot be written is logged and forgotten.
   */
  record(occurrence: Occurrence): void;
  /** Writes what is pending, as far as the API server answers at once. */
  stop(): Promise<void>;
}

/** Occurrences of one series within this time go out in one write. */
const pauseMs = 2_000;

export function createEventRecorder(world: RecorderWorld, options: RecorderOptions): EventRecorder {
  const { client, clock, random, logger } = world;
  const book: SeriesBook = new Map();
  const pending = new Set<string>();
  const stopping = new AbortController();
  let pump: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    while (pending.size > 0) {
      const keys = [...pending];
      pending.clear();
      for (const key of keys) await writeOne(key);
      await clock.sleep(pauseMs, stopping.signal);
    }
    pump = undefined;
  }

  async function writeOne(key: string): Promise<void> {
    const series = book.get(key);
    if (!series) return;
    try {
      await write(series);
      const now = book.get(key);
      if (now?.name === series.name) book.set(key, { ...now, written: series.count });
    } catch (error) {
      // With the API server away, a stop must not wait for the time-outs of all that is pending.
      if (stopping.signal.aborted) pending.clear();
      logger.warn({ err: error, ...series.occurrence }, "an event could not be written");
    }
  }

  async function write(series: Series): Promise<void> {
    if (series.written > 0) {
      const { namespace = "default" } = series.occurrence.about;
      const patch = { count: series.count, lastTimestamp: seconds(series.lastAt) };
      try {
        await client.mergePatch(events, series.name, { namespace, patch });
        return;
      } catch (error) {
        // The API server forgets Events after an hour.
        if (!(error instanceof KubeError && error.isNotFound)) throw error;
      }
    }
    await client.create(events, eventOf(series, options));
  }

  return {
    record(occurrence) {
      if (stopping.signal.aborted) return;
      const suffix = Math.floor(random() * 2 ** 48).toString(16);
      pending.add(count(book, occurrence, { wallNow: clock.now(), suffix }));
      pump ??= writeAll();
    },
    async stop() {
      stopping.abort();
      await pump;
    },
  };
}
