import { keyOf } from "../resource.ts";

/** An object as the store keeps it: what `transform` made of it, and what is needed to compare it. */
export interface Entry<S> {
  readonly key: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly object: S;
}

/** What happened to an object; by the time that it is told, the store has it. */
export type StoreEvent<S> =
  | { readonly type: "added"; readonly object: S }
  | { readonly type: "modified"; readonly object: S; readonly previous: S }
  | { readonly type: "deleted"; readonly object: S }
  /** The store holds a complete list, the first one or one that replaced it after a gap. */
  | { readonly type: "synced" };

/** Values of an object under which an index finds it. */
export type Indexer<S> = (object: S) => readonly string[];

/** The objects of a reflector, for readers. */
export interface ReadableStore<S, Index extends string = never> {
  readonly size: number;
  get(name: string, namespace?: string): S | undefined;
  list(): S[];
  /** The objects that the index files under `value`. */
  index(name: Index, value: string): S[];
}

/** Objects by key, and by the values of each index. */
export class Store<S, Index extends string = never> implements ReadableStore<S, Index> {
  readonly #indexers: readonly (readonly [Index, Indexer<S>])[];
  #entries = new Map<string, Entry<S>>();
  #indexes: Map<Index, Map<string, Set<Entry<S>>>>;

  constructor(indexers: Readonly<Record<Index, Indexer<S>>>) {
    this.#indexers = Object.entries(indexers) as [Index, Indexer<S>][];
    this.#indexes = this.#emptyIndexes();
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string, namespace?: string): S | undefined {
    return this.#entries.get(keyOf(name, namespace))?.object;
  }

  list(): S[] {
    return Array.from(this.#entries.values(), (entry) => entry.object);
  }

  index(name: Index, value: string): S[] {
    return Array.from(this.#indexes.get(name)?.get(value) ?? [], (entry) => entry.object);
  }

  entry(key: string): Entry<S> | undefined {
    return this.#entries.get(key);
  }

  /** Puts one object in the place of any other with its key. */
  put(entry: Entry<S>): StoreEvent<S>[] {
    const previous = this.#entries.get(entry.key);
    if (previous) this.#unfile(previous);
    this.#entries.set(entry.key, entry);
    this.#file(entry);
    return changes(previous, entry);
  }

  remove(key: string): StoreEvent<S>[] {
    const previous = this.#entries.get(key);
    if (!previous) return [];
    this.#unfile(previous);
    this.#entries.delete(key);
    return changes(previous, undefined);
  }

  /** Puts a complete list in the place of everything: what it lacks is deleted. Readers see the old view or the new one. */
  replace(entries: Map<string, Entry<S>>): StoreEvent<S>[] {
    const old = this.#entries;
    const events: StoreEvent<S>[] = [];
    for (const previous of old.values()) {
      if (!entries.has(previous.key)) events.push(...changes(previous, undefined));
    }
    for (const entry of entries.values()) events.push(...changes(old.get(entry.key), entry));
    this.#entries = entries;
    this.#indexes = this.#emptyIndexes();
    for (const entry of entries.values()) this.#file(entry);
    return events;
  }

  #emptyIndexes(): Map<Index, Map<string, Set<Entry<S>>>> {
    return new Map(this.#indexers.map(([name]) => [name, new Map()]));
  }

  #file(entry: Entry<S>): void {
    for (const [name, indexer] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const value of indexer(entry.object)) {
        const filed = index?.get(value);
        if (filed) filed.add(entry);
        else index?.set(value, new Set([entry]));
      }
    }
  }

  #unfile(entry: Entry<S>): void {
    for (const [name, indexer] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const value of indexer(entry.object)) {
        const filed = index?.get(value);
        filed?.delete(entry);
        if (filed?.size === 0) index?.delete(value);
      }
    }
  }
}

function changes<S>(previous: Entry<S> | undefined, entry: Entry<S> | undefined): StoreEvent<S>[] {
  if (!entry) return previous ? [{ type: "deleted", object: previous.object }] : [];
  if (!previous) return [{ type: "added", object: entry.object }];
  // The same name with another uid is another object: its predecessor went while nobody looked.
  if (previous.uid !== entry.uid) {
    return [
      { type: "deleted", object: previous.object },
      { type: "added", object: entry.object },
    ];
  }
  if (previous.resourceVersion === entry.resourceVersion) return [];
  return [{ type: "modified", object: entry.object, previous: previous.object }];
}
