import { backOffMs, type Random } from "../../time/back-off.ts";
import { errorFromStatus, KubeError, type Status } from "../kube-error.ts";
import type { KubeObject } from "../kube-object.ts";
import { keyOf } from "../resource.ts";
import type { Entry, Store, StoreEvent } from "./store.ts";

/** How the next watch begins: with all objects there are, or after the last version that was seen. */
export type WatchStart =
  | { readonly from: "everything" }
  | { readonly from: "version"; readonly version: string };

/** How a watch ended. */
export type WatchEnd =
  /** The server closed it, as it does every half hour or so. */
  | { readonly by: "server" }
  /** Nothing came for longer than the silence limit. */
  | { readonly by: "silence" }
  /** It was refused, or broke, or said something that cannot be true. */
  | { readonly by: "error"; readonly error: unknown };

/** What the server sent is no watch event. To go on from there would be to guess. */
export class WatchProtocolError extends Error {
  override readonly name = "WatchProtocolError";
}

/** Marks the bookmark that ends the initial objects of a WatchList (KEP-3157). */
const initialEventsEnd = "k8s.io/initial-events-end";

/** A watch that lived this long was a good one: what comes next is not the next failure in a row. */
const healthyMs = 10_000;

const backOff = { baseMs: 200, capMs: 10_000 };

interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T & { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
}

/**
 * The decisions of a reflector, without its input and output: what each line of a watch does to the store, how the next
 * watch begins and when, and how old the view is.
 *
 * While a list comes in, the store keeps showing the view before it. Only the bookmark that completes the list replaces that
 * view, in one step; a list that breaks off is forgotten. Nothing is ever deleted because a stream ended.
 */
export class WatchCore<T extends KubeObject, S, Index extends string> {
  readonly #store: Store<S, Index>;
  readonly #transform: (object: T) => S;
  readonly #what: string;
  readonly #random: Random;
  /** The list that is coming in; undefined while the stream speaks of changes. */
  #incoming: Map<string, Entry<S>> | undefined;
  /** Last version seen of a complete view; undefined when the next watch must begin with everything. */
  #version: string | undefined;
  #synced = false;
  #freshAt: number | undefined;
  #failures = 0;

  constructor(
    store: Store<S, Index>,
    options: { transform: (object: T) => S; what: string; random: Random },
  ) {
    this.#store = store;
    this.#transform = options.transform;
    this.#what = options.what;
    this.#random = options.random;
  }

  get hasSynced(): boolean {
    return this.#synced;
  }

  /** Milliseconds since the server last vouched for the view; Infinity before there is one. */
  age(now: number): number {
    return this.#freshAt === undefined ? Number.POSITIVE_INFINITY : now - this.#freshAt;
  }

  /** A watch is about to begin: how. */
  begin(): WatchStart {
    if (this.#version === undefined) {
      this.#incoming = new Map();
      return { from: "everything" };
    }
    this.#incoming = undefined;
    return { from: "version", version: this.#version };
  }

  /**
   * Takes lines that arrived together.
   *
   * @param now monotonic, ms
   * @returns what to tell subscribers
   * @throws KubeError for an ERROR event, WatchProtocolError for what is no watch event; lines before it have been taken
   */
  take(lines: readonly string[], options: { now: number; tell: (event: StoreEvent<S>) => void }): void {
    for (const line of lines) {
      for (const event of this.#takeEvent(this.#parse(line))) options.tell(event);
    }
    // Bytes of a list that is still coming in say nothing about the view that readers see.
    if (this.#incoming === undefined) this.#freshAt = options.now;
  }

  /**
   * A watch ended: how long to wait before the next, in ms.
   *
   * @param lastedMs since its request was sent
   */
  end(end: WatchEnd, options: { lastedMs: number }): number {
    if (mustListAgain(end)) this.#version = undefined;
    this.#incoming = undefined;
    const healthy = options.lastedMs >= healthyMs;
    if (healthy) this.#failures = 0;
    if (healthy && end.by === "server") return 0;
    const delayMs = backOffMs(this.#failures, { ...backOff, random: this.#random });
    this.#failures += 1;
    const asked = end.by === "error" && end.error instanceof KubeError ? (end.error.retryAfterMs ?? 0) : 0;
    return Math.max(delayMs, asked);
  }

  #parse(line: string): WatchEvent<T> {
    let event: WatchEvent<T>;
    try {
      event = JSON.parse(line);
    } catch (cause) {
      throw new WatchProtocolError(`${this.#what}: a line of the watch is no JSON: "${line.slice(0, 100)}"`, {
        cause,
      });
    }
    if (!event?.object)
      throw new WatchProtocolError(`${this.#what}: no watch event: "${line.slice(0, 100)}"`);
    return event;
  }

  #takeEvent(event: WatchEvent<T>): StoreEvent<S>[] {
    switch (event.type) {
      case "ADDED":
      case "MODIFIED":
        return this.#takeObject(event.object);
      case "DELETED":
        return this.#takeDeletion(event.object);
      case "BOOKMARK":
        return this.#takeBookmark(event);
      case "ERROR":
        throw errorFromStatus(this.#what, event.object as Status);
      default:
        throw new WatchProtocolError(`${this.#what}: a watch event of type "${event.type satisfies never}"`);
    }
  }

  #takeObject(object: T): StoreEvent<S>[] {
    const entry = this.#entryOf(object);
    if (this.#incoming) {
      const known = this.#store.entry(entry.key);
      const same = known?.uid === entry.uid && known.resourceVersion === entry.resourceVersion;
      // Two views are in memory while a list comes in; what did not change is held once.
      this.#incoming.set(entry.key, same ? known : entry);
      return [];
    }
    this.#version = entry.resourceVersion;
    return this.#store.put(entry);
  }

  #takeDeletion(object: T): StoreEvent<S>[] {
    const { key, resourceVersion } = this.#identityOf(object);
    if (this.#incoming) {
      this.#incoming.delete(key);
      return [];
    }
    this.#version = resourceVersion;
    return this.#store.remove(key);
  }

  #takeBookmark({ object }: WatchEvent<T>): StoreEvent<S>[] {
    const version = object.metadata?.resourceVersion;
    if (!version) throw new WatchProtocolError(`${this.#what}: a bookmark without resourceVersion`);
    if (!this.#incoming) {
      this.#version = version;
      return [];
    }
    if (object.metadata.annotations?.[initialEventsEnd] !== "true") return [];
    const events = this.#store.replace(this.#incoming);
    this.#incoming = undefined;
    this.#version = version;
    this.#synced = true;
    return [...events, { type: "synced" }];
  }

  #entryOf(object: T): Entry<S> {
    return { ...this.#identityOf(object), object: this.#transform(object) };
  }

  #identityOf(object: T): Omit<Entry<S>, "object"> {
    const { name, namespace, uid, resourceVersion } = object.metadata ?? {};
    if (!name || !uid || !resourceVersion) {
      throw new WatchProtocolError(
        `${this.#what}: an object without name, uid or resourceVersion: "${name ?? ""}"`,
      );
    }
    return { key: keyOf(name, namespace), uid, resourceVersion };
  }
}

/**
 * Whether the last version is of no use any more. A lost connection and a server that is busy or starting leave it good;
 * anything that the server says against the request itself does not, nor does what we could not understand. Silence may
 * mean that the version lies in the future of this server, as after a restored backup: such a watch is neither refused
 * nor sent a bookmark.
 */
function mustListAgain(end: WatchEnd): boolean {
  if (end.by !== "error") return end.by === "silence";
  const { error } = end;
  if (!(error instanceof KubeError) || error.isGone) return true;
  return error.answered && error.status !== 429 && error.status < 500;
}
