import type { Clock } from "../../api/clock.ts";
import type { CloudVpc, Eni, Tag } from "../../cloud/cloud-vpc.ts";
import type { Logger } from "../../kube/logger.ts";
import type { CloudView } from "./cloud-view.ts";

/** Most ids that one DescribeNetworkInterfaces takes. */
const PAGE = 100;

export interface CloudReaderOptions {
  cloud: CloudVpc;
  view: CloudView;
  clock: Clock;
  logger: Logger;
  /** Found on every ENI of this cluster. */
  tag: Tag;
  /** Whether an ENI with that tag is really ours. */
  isOurs: (eni: Eni) => boolean;
  /** Called with the ENIs that a reading changed. */
  changed: (eniIds: readonly string[]) => void;
  /** Pause between two readings of unsettled ENIs. */
  pollMs: number;
  /** Pause between two readings of everything. */
  fullMs: number;
}

/**
 * Reads the cloud into the view: all ENIs of the cluster at times, and those with something under way often, many in one call.
 * Completion of every operation is seen here; no task is ever polled (DescribeVpcTaskResult allows 20 calls a second).
 */
export class CloudReader {
  readonly #options: CloudReaderOptions;
  #timer: Timer | undefined;
  #fullAt = 0;
  #reading: Promise<void> | undefined;
  #stopped = false;

  constructor(options: CloudReaderOptions) {
    this.#options = options;
  }

  /** Keeps reading until `stop()`. */
  start(): void {
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#reading;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#reading = this.#poll().finally(() => this.#schedule());
    }, this.#options.pollMs);
  }

  async #poll(): Promise<void> {
    const { view, clock, logger } = this.#options;
    try {
      if (clock.monotonic() - this.#fullAt >= this.#options.fullMs) return await this.readAll();
      const ids = view.unsettled();
      for (let i = 0; i < ids.length; i += PAGE) await this.#read(ids.slice(i, i + PAGE));
    } catch (error) {
      logger.warn({ err: error }, "reading ENIs failed; the next reading comes by itself");
    }
  }

  /** Reads everything. */
  async readAll(): Promise<void> {
    const { cloud, view, clock, tag, isOurs, changed } = this.#options;
    const began = clock.monotonic();
    const answer = await cloud.interfacesByTag(tag);
    this.#fullAt = began;
    changed(view.readAll(answer.filter(isOurs), began));
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { cloud, view, clock, changed } = this.#options;
    const began = clock.monotonic();
    changed(view.read(ids, await cloud.interfacesById(ids), began));
  }
}
