import type { Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { KubeObject } from "../kube-object.ts";
import type { Logger } from "../logger.ts";
import { collectionPath, type Resource } from "../resource.ts";
import type { KubeTransport } from "../transport.ts";
import { LineSplitter } from "./line-splitter.ts";
import { type Indexer, type ReadableStore, Store, type StoreEvent } from "./store.ts";
import { WatchCore, type WatchEnd, type WatchStart } from "./watch-core.ts";

/** What a reflector needs of the world. */
export interface ReflectorWorld {
  readonly transport: Pick<KubeTransport, "stream">;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a reflector reflects. */
export interface ReflectorOptions<T extends KubeObject, S, Index extends string> {
  readonly resource: Resource<T>;
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Makes of an object what the store keeps; keep it small. It must not throw. */
  readonly transform: (object: T) => S;
  /** Values under which `store.index` finds an object, by the name of the index. */
  readonly indexes?: Readonly<Record<Index, Indexer<S>>> | undefined;
  /** Longest silence of a watch, in ms, before it is given up and begun anew; the API server sends a bookmark a minute. */
  readonly silenceMs?: number | undefined;
}

/** A local copy of a collection that follows the API server's. */
export interface Reflector<S, Index extends string = never> {
  readonly store: ReadableStore<S, Index>;
  /** Whether the store has held a complete list once. Before that, what it lacks means nothing. */
  hasSynced(): boolean;
  /** Resolves with true once `hasSynced`; with false when it is stopped, or `signal` aborted, before. */
  whenSynced(signal?: AbortSignal): Promise<boolean>;
  /**
   * Milliseconds since the API server last vouched for this view, by a change or a bookmark; Infinity before there is one. A
   * healthy view of a quiet collection is up to about a minute old. How far that API server itself lags behind is not in it:
   * what destroys something is decided on a quorum read.
   */
  age(): number;
  /**
   * Calls `listener` for every change. It is first told what the store holds already, as `added` and then, if complete,
   * `synced`. An error that it throws is logged and goes no further.
   *
   * @returns a function that ends it
   */
  subscribe(listener: (event: StoreEvent<S>) => void): () => void;
  /** Ends the watch; the store keeps what it held. */
  stop(): Promise<void>;
}

const defaultSilenceMs = 90_000;

/** Begins to follow a collection, and goes on whatever happens to the API server, until `stop()`. */
export function startReflector<T extends KubeObject, S, Index extends string = never>(
  world: ReflectorWorld,
  options: ReflectorOptions<T, S, Index>,
): Reflector<S, Index> {
  const { transport, clock, random } = world;
  const { silenceMs = defaultSilenceMs } = options;
  const path = collectionPath(options.resource, options.namespace);
  const logFields = { resource: options.resource.plural, namespace: options.namespace };
  const store = new Store<S, Index>(options.indexes ?? ({} as Record<Index, Indexer<S>>));
  const core = new WatchCore<T, S, Index>(store, {
    transform: options.transform,
    what: `watch of ${path}`,
    random,
  });
  const listeners = new Set<(event: StoreEvent<S>) => void>();
  const stopping = new AbortController();
  const firstSync = Promise.withResolvers<void>();

  function tell(event: StoreEvent<S>): void {
    if (event.type === "synced") firstSync.resolve();
    for (const listener of listeners) tellOne(listener, event);
  }

  function tellOne(listener: (event: StoreEvent<S>) => void, event: StoreEvent<S>): void {
    try {
      listener(event);
    } catch (error) {
      world.logger.error(
        { ...logFields, err: error, event: event.type },
        "a subscriber of a reflector failed",
      );
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const began = clock.monotonic();
      const end = await watch(core.begin());
      if (stopping.signal.aborted) return;
      const delayMs = core.end(end, { lastedMs: clock.monotonic() - began });
      report(end, delayMs);
      await clock.sleep(delayMs, stopping.signal);
    }
  }

  /** One watch, from its request to its end. */
  async function watch(start: WatchStart): Promise<WatchEnd> {
    const over = new AbortController();
    const cut = new AbortController();
    let lastByteAt = clock.monotonic();
    let silent = false;

    async function cutWhenSilent(): Promise<void> {
      while (!over.signal.aborted) {
        const leftMs = lastByteAt + silenceMs - clock.monotonic();
        if (leftMs <= 0) {
          silent = true;
          cut.abort();
          return;
        }
        await clock.sleep(leftMs, over.signal);
      }
    }

    const guard = cutWhenSilent();
    try {
      const signal = AbortSignal.any([cut.signal, stopping.signal]);
      const stream = await transport.stream(
        { method: "GET", path, query: watchQuery(options, start) },
        { signal },
      );
      const lines = new LineSplitter();
      for await (const chunk of stream) {
        lastByteAt = clock.monotonic();
        core.take(lines.push(chunk), { now: lastByteAt, tell });
      }
      return silent ? { by: "silence" } : { by: "server" };
    } catch (error) {
      return silent ? { by: "silence" } : { by: "error", error };
    } finally {
      cut.abort();
      over.abort();
      await guard;
    }
  }

  function report(end: WatchEnd, delayMs: number): void {
    const ageMs = core.age(clock.monotonic());
    // JSON has no Infinity: no age means that there is no view yet.
    const fields = { ...logFields, delayMs, ...(Number.isFinite(ageMs) && { ageMs: Math.round(ageMs) }) };
    switch (end.by) {
      case "server":
        world.logger.debug(fields, "the API server ended a watch, as it does from time to time");
        return;
      case "silence":
        world.logger.warn({ ...fields, silenceMs }, "a watch was silent for too long and is begun anew");
        return;
      case "error":
        world.logger.warn({ ...fields, err: end.error }, "a watch failed and is tried again");
    }
  }

  const running = run();

  return {
    store,
    hasSynced: () => core.hasSynced,
    async whenSynced(signal) {
      if (core.hasSynced) return true;
      const givenUp = AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]);
      await Promise.race([firstSync.promise, aborted(givenUp)]);
      return core.hasSynced;
    },
    age: () => core.age(clock.monotonic()),
    subscribe(listener) {
      for (const object of store.list()) tellOne(listener, { type: "added", object });
      if (core.hasSynced) tellOne(listener, { type: "synced" });
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function watchQuery(
  options: Pick<ReflectorOptions<KubeObject, unknown, string>, "fieldSelector" | "labelSelector">,
  start: WatchStart,
): Readonly<Record<string, string | undefined>> {
  const { fieldSelector, labelSelector } = options;
  const common = { watch: "1", allowWatchBookmarks: "true", fieldSelector, labelSelector };
  if (start.from === "version") return { ...common, resourceVersion: start.version };
  // WatchList: without a resourceVersion the objects are as of now, from a quorum read, and come one by one.
  return { ...common, sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
