import type { Owners } from "./managed-fields.ts";
import { type FieldRequirement, parseFieldSelector, parseLabelSelector, type Selector } from "./selectors.ts";
import { type ServedKind, textAt } from "./served-kind.ts";
import type { JsonObject } from "./shape.ts";
import { badRequest } from "./status-answer.ts";

/** An object as it is stored. Never changed in place. */
export interface Stored {
  readonly object: JsonObject;
  readonly owners: Owners;
}

/** A change of a collection. `before` is absent when the object was made, `after` when it has gone. */
export interface Change {
  readonly kind: ServedKind;
  readonly key: string;
  readonly version: number;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
  /** Lines for watches, made once for all of them. */
  readonly lines: Map<string, string>;
}

/** What a list or watch asks for. */
export interface Selection {
  readonly namespace: string | undefined;
  readonly matches: Selector;
  /** A field and the value that it must have, where that narrows the search. */
  readonly narrow: { readonly field: string; readonly value: string } | undefined;
}

/** Tells one watch of a change. */
export interface ChangeListener {
  readonly selection: Selection;
  readonly tell: (change: Change) => void;
  /** The server breaks it off. */
  readonly breakOff: () => void;
}

/** Changes that a watch can begin after; the real server keeps a few minutes. */
const HISTORY = 5_000;

/** All objects of a kind, with indexes of the fields that they are selected by, and the last changes. */
export class Collection {
  kind: ServedKind;
  readonly #objects = new Map<string, Stored>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #listeners = new Set<ChangeListener>();
  /** Listeners that wait for one value of a field, by field and value. */
  readonly #narrow = new Map<string, Map<string, Set<ChangeListener>>>();
  #changes: Change[] = [];
  /** The last change that is not in the history any more. */
  #forgotten = 0;

  constructor(kind: ServedKind) {
    this.kind = kind;
    for (const field of kind.selectable.keys()) this.#indexes.set(field, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): Stored | undefined {
    return this.#objects.get(key);
  }

  /** The objects that are selected, by key. */
  list(selection: Selection): JsonObject[] {
    const { narrow, namespace, matches } = selection;
    const keys = narrow && this.#indexes.get(narrow.field);
    const candidates = keys === undefined ? this.#objects.keys() : (keys.get(narrow?.value ?? "") ?? []);
    const found: [string, JsonObject][] = [];
    for (const key of candidates) {
      const object = this.#objects.get(key)?.object;
      if (object === undefined || (namespace !== undefined && !key.startsWith(`${namespace}/`))) continue;
      if (matches(object)) found.push([key, object]);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  }

  /** Takes a change in and tells those who listen. */
  commit(key: string, after: Stored | undefined, version: number): Change {
    const before = this.#objects.get(key);
    if (before !== undefined) this.#file(key, before.object, false);
    if (after === undefined) this.#objects.delete(key);
    else {
      this.#objects.set(key, after);
      this.#file(key, after.object, true);
    }
    const change = {
      kind: this.kind,
      key,
      version,
      before: before?.object,
      after: after?.object,
      lines: new Map(),
    };
    this.#changes.push(change);
    if (this.#changes.length > 2 * HISTORY) this.#forget(this.#changes.length - HISTORY);
    for (const listener of this.#listenersOf(change)) listener.tell(change);
    return change;
  }

  /** All objects as they are. */
  snapshot(): ReadonlyMap<string, Stored> {
    return new Map(this.#objects);
  }

  /** Puts a snapshot in the place of all objects, behind the back of all watches, which are broken off. */
  restore(snapshot: ReadonlyMap<string, Stored>, version: number): void {
    for (const [key, { object }] of this.#objects) this.#file(key, object, false);
    this.#objects.clear();
    for (const [key, stored] of snapshot) {
      this.#objects.set(key, stored);
      this.#file(key, stored.object, true);
    }
    this.compact(version);
    const all = [
      ...this.#listeners,
      ...[...this.#narrow.values()].flatMap((by) => [...by.values()].flatMap((s) => [...s])),
    ];
    for (const listener of all) listener.breakOff();
  }

  /** The changes after a version; undefined when not all of them are known any more. */
  since(version: number): readonly Change[] | undefined {
    if (version < this.#forgotten) return undefined;
    return this.#changes.filter((change) => change.version > version);
  }

  /** Forgets all changes: watches that would begin before now are told to list again. */
  compact(version = 0): void {
    this.#forget(this.#changes.length);
    this.#forgotten = Math.max(this.#forgotten, version);
  }

  listen(listener: ChangeListener): () => void {
    const { narrow } = listener.selection;
    if (narrow === undefined) {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    }
    const byValue = this.#narrow.get(narrow.field) ?? new Map<string, Set<ChangeListener>>();
    this.#narrow.set(narrow.field, byValue);
    const listeners = byValue.get(narrow.value) ?? new Set();
    byValue.set(narrow.value, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** @throws Refusal for a selector that makes no sense, or names a field that this kind is not selected by */
  selection(query: Readonly<Record<string, string | undefined>>, namespace: string | undefined): Selection {
    let requirements: FieldRequirement[];
    let labels: Selector;
    try {
      requirements = parseFieldSelector(query["fieldSelector"] ?? "");
      labels = parseLabelSelector(query["labelSelector"] ?? "");
    } catch (error) {
      throw badRequest(error instanceof Error ? error.message : String(error));
    }
    const tests = requirements.map(({ field, equal, value }) => {
      const read = this.#reader(field);
      return (object: JsonObject) => (read(object) === value) === equal;
    });
    const narrow = requirements.find(
      ({ field, equal }) => equal && (this.#indexes.has(field) || field === "metadata.name"),
    );
    return {
      namespace,
      matches: (object) => tests.every((test) => test(object)) && labels(object),
      narrow: narrow && { field: narrow.field, value: narrow.value },
    };
  }

  #reader(field: string): (object: JsonObject) => string {
    const read = this.kind.selectable.get(field);
    if (read !== undefined) return read;
    if (field === "metadata.name" || field === "metadata.namespace") return (object) => textAt(object, field);
    throw badRequest(`field label not supported: ${field}`);
  }

  #forget(count: number): void {
    const gone = this.#changes.splice(0, count);
    this.#forgotten = gone.at(-1)?.version ?? this.#forgotten;
  }

  #file(key: string, object: JsonObject, there: boolean): void {
    for (const [field, index] of this.#indexes) {
      const value = this.#reader(field)(object);
      const keys = index.get(value) ?? new Set();
      if (there) index.set(value, keys.add(key));
      else {
        keys.delete(key);
        if (keys.size === 0) index.delete(value);
      }
    }
  }

  #listenersOf({ before, after }: Change): ReadonlySet<ChangeListener> {
    if (this.#narrow.size === 0) return new Set(this.#listeners);
    const found = new Set(this.#listeners);
    for (const [field, byValue] of this.#narrow) {
      const read = this.#reader(field);
      for (const object of [before, after]) {
        if (object === undefined) continue;
        for (const listener of byValue.get(read(object)) ?? []) found.add(listener);
      }
    }
    return found;
  }
}

/** Whether the selection has the object. */
export function selects(
  { namespace, matches }: Selection,
  key: string,
  object: JsonObject | undefined,
): boolean {
  if (object === undefined || (namespace !== undefined && !key.startsWith(`${namespace}/`))) return false;
  return matches(object);
}
