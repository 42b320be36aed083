import { AGENT_MANAGER } from "../../api/field-managers.ts";
import { backOffMs, type Random } from "../../kube/back-off.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { KubeObject } from "../../kube/kube-object.ts";
import type { Resource } from "../../kube/resource.ts";
import type { WaitingClock } from "../../kube/waiting-clock.ts";
import type { Logger } from "../logger.ts";
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
}

/** Changes within this time go out as one. */
const COALESCE_MS = 100;
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
  #running: Promise<void> | undefined;
  #dirty = false;

  /** @param list all statuses, each time it is asked */
  constructor(world: PublisherWorld, list: () => readonly StatusToPublish[]) {
    this.#world = world;
    this.#list = list;
  }

  /** Something may have changed. */
  request(): void {
    this.#dirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#dirty && !this.#stopping.signal.aborted) this.request();
    });
  }

  /** Ends after the round that runs. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#world;
    const { signal } = this.#stopping;
    let failures = 0;
    while (this.#dirty && !signal.aborted) {
      await clock.sleep(COALESCE_MS, signal);
      if (signal.aborted) return;
      this.#dirty = false;
      if (await this.#round()) {
        failures = 0;
        continue;
      }
      this.#dirty = true;
      await clock.sleep(backOffMs(failures++, { baseMs: 200, capMs: 10_000, random }), signal);
    }
  }

  /** Whether all that differed could be sent. */
  async #round(): Promise<boolean> {
    const all = this.#list();
    const present = new Set(all.map(keyOf));
    for (const key of this.#sent.keys()) if (!present.has(key)) this.#sent.delete(key);
    const todo = all.filter((status) => this.#differs(status));
    let complete = true;
    const workers = Array.from({ length: CONCURRENCY }, async () => {
      for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
        if (!(await this.#send(next))) complete = false;
      }
    });
    await Promise.all(workers);
    return complete;
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
        // The UID, so that a new object of the same name does not get the old one's answer.
        { metadata: { name: seen.name, uid: seen.uid }, status: wanted } as object as StatusBody,
        { fieldManager: AGENT_MANAGER, signal: this.#stopping.signal },
      );
      this.#sent.set(keyOf(status), {
        status: wanted,
        version: BigInt(written.metadata.resourceVersion ?? "0"),
      });
      return true;
    } catch (error) {
      if (this.#stopping.signal.aborted) return true;
      // The object has gone or is another one; the watch will say so.
      if (error instanceof KubeError && (error.isNotFound || isOtherUid(error))) return true;
      logger.warn({ kind: resource.kind, name: seen.name, err: error }, "a status could not be published");
      return false;
    }
  }
}

type StatusBody = Parameters<KubeClient["applyStatus"]>[1];

function keyOf({ resource, seen }: StatusToPublish): string {
  return `${resource.plural}/${seen.uid}`;
}

function isOtherUid(error: KubeError): boolean {
  return error.isConflict && error.message.includes("UID");
}

/** Whether two statuses say the same; a `since` of its own is no news, since a restarted agent counts rest from its start. */
function isSame(a: object, b: object): boolean {
  return Bun.deepEquals(withoutDates(a), withoutDates(b));
}

function withoutDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDates);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, v]) => key !== "since" && v !== undefined)
      .map(([key, v]) => [key, withoutDates(v)]),
  );
}
