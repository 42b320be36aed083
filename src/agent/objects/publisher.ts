import { AGENT_MANAGER } from "../../api/field-managers.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { KubeObject } from "../../kube/kube-object.ts";
import type { Resource } from "../../kube/resource.ts";
import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import type { Rush } from "../rush.ts";
import type { Seen } from "./seen-objects.ts";

/** A status that an object should have, beside what it has. */
export interface StatusToPublish {
  readonly resource: Resource<KubeObject>;
  readonly seen: Seen;
  /** Fields of `status` that the agent owns, as they should be. */
  readonly wanted: object;
  /** The same fields as the watch shows them. */
  readonly observed: object;
}

export interface PublisherWorld {
  readonly kube: Pick<KubeClient, "applyStatus">;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly rush: Pick<Rush, "outlast">;
}

/** Changes within this time go out as one. */
const COALESCE_MS = 100;
/** Who waits for a status is in no hurry: it is put off so long for pods that come and go. */
const PUT_OFF_MS = 400;
const CONCURRENCY = 4;

/**
 * Brings the statuses that the agent owns to the API server. Not a queue of writes but a comparison: whatever is missed, the
 * next round sends what is then true.
 */
export class Publisher {
  readonly #world: PublisherWorld;
  readonly #list: () => readonly StatusToPublish[];
  readonly #stopping = new AbortController();
  /** What was sent last, by kind and UID, until the watch has caught up with it. */
  readonly #sent = new Map<string, { status: object; version: bigint }>();
  /** What could not be sent, and until when (monotonic) it is left: one object that is refused must not hold up the others. */
  readonly #failed = new Map<string, { failures: number; until: number }>();
  #running: Promise<void> | undefined;
  #dirty = false;
  #wake = new AbortController();

  /** @param list all statuses, each time it is asked */
  constructor(world: PublisherWorld, list: () => readonly StatusToPublish[]) {
    this.#world = world;
    this.#list = list;
  }

  /** Something may have changed. */
  request(): void {
    this.#dirty = true;
    this.#wake.abort();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#dirty && !this.#stopping.signal.aborted) this.request();
    });
  }

  /**
   * The watch of a kind has begun anew with a complete list. What that shows is what there is, whatever was sent before: objects that
   * were restored from a backup have older versions than those that we wrote. Of a write that the list has just missed it costs one more.
   */
  sawList(plural: string): void {
    for (const key of this.#sent.keys()) if (key.startsWith(`${plural}/`)) this.#sent.delete(key);
    this.request();
  }

  /** Ends after the round that runs. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, rush } = this.#world;
    const { signal } = this.#stopping;
    do {
      await clock.sleep(COALESCE_MS, signal);
      await rush.outlast(PUT_OFF_MS, signal);
      if (signal.aborted) return;
      this.#dirty = false;
      await this.#round();
      this.#wake = new AbortController();
      if (!this.#dirty && this.#failed.size > 0) {
        await clock.sleep(this.#untilRetry(), AbortSignal.any([signal, this.#wake.signal]));
        this.#dirty = true;
      }
    } while (this.#dirty && !signal.aborted);
  }

  /** Sends all that differs, but for what has failed a moment ago. */
  async #round(): Promise<void> {
    const now = this.#world.clock.monotonic();
    const all = this.#list();
    const present = new Set(all.map(keyOf));
    for (const known of [this.#sent, this.#failed]) {
      for (const key of known.keys()) if (!present.has(key)) known.delete(key);
    }
    const todo = all.filter((status) => {
      if (this.#differs(status)) return (this.#failed.get(keyOf(status))?.until ?? now) <= now;
      this.#failed.delete(keyOf(status));
      return false;
    });
    const workers = Array.from({ length: CONCURRENCY }, async () => {
      for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
        if (await this.#send(next)) this.#failed.delete(keyOf(next));
        else this.#noteFailure(keyOf(next));
      }
    });
    await Promise.all(workers);
  }

  #noteFailure(key: string): void {
    const { clock, random } = this.#world;
    const failures = this.#failed.get(key)?.failures ?? 0;
    const pauseMs = backOffMs(failures, { baseMs: 200, capMs: 10_000, random });
    this.#failed.set(key, { failures: failures + 1, until: clock.monotonic() + pauseMs });
  }

  #untilRetry(): number {
    const next = Math.min(...Array.from(this.#failed.values(), ({ until }) => until));
    return Math.max(0, next - this.#world.clock.monotonic());
  }

  #differs(status: StatusToPublish): boolean {
    const key = keyOf(status);
    const sent = this.#sent.get(key);
    if (sent === undefined) return !isSame(status.observed, status.wanted);
    if (BigInt(status.seen.resourceVersion) >= sent.version) {
      this.#sent.delete(key);
      return !isSame(status.observed, status.wanted);
    }
    return !isSame(sent.status, status.wanted);
  }

  async #send(status: StatusToPublish): Promise<boolean> {
    const { kube, logger } = this.#world;
    const { resource, seen, wanted } = status;
    try {
      const written = await kube.applyStatus(
        resource,
        { metadata: { name: seen.name }, status: wanted } as object as StatusBody,
        { fieldManager: AGENT_MANAGER, signal: this.#stopping.signal },
      );
      this.#sent.set(keyOf(status), {
        status: wanted,
        version: BigInt(written.metadata.resourceVersion ?? "0"),
      });
      return true;
    } catch (error) {
      if (this.#stopping.signal.aborted) return true;
      // The object has gone; the watch will say so.
      if (error instanceof KubeError && error.isNotFound) return true;
      logger.warn({ kind: resource.kind, name: seen.name, err: error }, "a status could not be published");
      return false;
    }
  }
}

const DATES: ReadonlySet<string> = new Set(["since", "lastTransitionTime"]);

type StatusBody = Parameters<KubeClient["applyStatus"]>[1];

function keyOf({ resource, seen }: StatusToPublish): string {
  return `${resource.plural}/${seen.uid}`;
}

/**
 * Whether two statuses say the same. A date of its own is no news: a restarted agent counts rest from its start, and what a condition
 * changed last is reckoned from a watch that may lag, so that two dates would chase each other through it for ever.
 */
function isSame(a: object, b: object): boolean {
  return Bun.deepEquals(withoutDates(a), withoutDates(b));
}

function withoutDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDates);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, v]) => !DATES.has(key) && v !== undefined)
      .map(([key, v]) => [key, withoutDates(v)]),
  );
}
