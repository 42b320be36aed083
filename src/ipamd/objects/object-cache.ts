import type { KubeObject } from "../../api/kube-object.ts";

/** The part of a reflector that a cache reads. */
export interface ObjectSource<T> {
  readonly store: { get(name: string): T | undefined; list(): T[] };
}

/** One whose objects belong to nodes, filed by them. */
export interface NodeObjectSource<T> extends ObjectSource<T> {
  readonly store: ObjectSource<T>["store"] & { index(name: "node", node: string): T[] };
}

/**
 * Objects of one kind as this process knows them: what the watch has brought, and, where it lags behind, what our own last
 * write answered. Without it a plan made right after a write would not see that write, and do it again.
 *
 * Holds cluster-scoped objects only.
 */
export class ObjectCache<T extends KubeObject<unknown, unknown>> {
  readonly #source: ObjectSource<T>;
  protected readonly written = new Map<string, T>();
  /** Objects that we deleted, by name, until the watch has seen it: uid of the deleted one. */
  readonly #deleted = new Map<string, string>();

  constructor(source: ObjectSource<T>) {
    this.#source = source;
  }

  get(name: string): T | undefined {
    const seen = this.#source.store.get(name);
    const gone = this.#deleted.get(name);
    if (gone !== undefined) {
      if (seen?.metadata.uid === gone) return undefined;
      this.#deleted.delete(name);
    }
    const written = this.written.get(name);
    if (written === undefined) return seen;
    if (seen !== undefined && !isOlder(seen, written)) {
      this.written.delete(name);
      return seen;
    }
    return written;
  }

  list(): T[] {
    const names = new Set(this.#source.store.list().map((object) => object.metadata.name));
    for (const name of this.written.keys()) names.add(name);
    return [...names].map((name) => this.get(name)).filter((object) => object !== undefined);
  }

  /** Remembers what a write answered. */
  wrote(object: T): T {
    this.#deleted.delete(object.metadata.name);
    this.written.set(object.metadata.name, object);
    return object;
  }

  /** Remembers that an object is deleted. */
  removed(object: T): void {
    this.written.delete(object.metadata.name);
    if (object.metadata.uid !== undefined) this.#deleted.set(object.metadata.name, object.metadata.uid);
  }

  /** Drops what a write answered: the API server says that there is no such object. */
  forget(name: string): void {
    this.written.delete(name);
  }

  /**
   * Tells that the watch saw an object go. Only then is a written copy of it dropped: that the store lacks it proves nothing,
   * since the watch may not have brought it yet.
   */
  sawDeletion(object: T): void {
    const { name, uid } = object.metadata;
    if (this.written.get(name)?.metadata.uid === uid) this.written.delete(name);
    if (this.#deleted.get(name) === uid) this.#deleted.delete(name);
  }

  /**
   * Tells that the watch has a complete list: what is in it is there, also what we once deleted. It comes back under its old UID when
   * a backup is restored.
   */
  sawList(): void {
    this.#deleted.clear();
  }
}

/** A cache of objects that belong to nodes. */
export class NodeObjectCache<
  T extends KubeObject<unknown, unknown> & { spec: { node: string } },
> extends ObjectCache<T> {
  readonly #byNode: NodeObjectSource<T>;
  /** By node, names of objects of which a write is remembered, or was. */
  readonly #writtenOf = new Map<string, Set<string>>();

  constructor(source: NodeObjectSource<T>) {
    super(source);
    this.#byNode = source;
  }

  override wrote(object: T): T {
    const { node } = object.spec;
    const names = this.#writtenOf.get(node) ?? new Set();
    this.#writtenOf.set(node, names.add(object.metadata.name));
    return super.wrote(object);
  }

  of(node: string): T[] {
    const names = new Set(this.#byNode.store.index("node", node).map((object) => object.metadata.name));
    const written = this.#writtenOf.get(node) ?? new Set();
    for (const name of written) {
      if (this.written.has(name)) names.add(name);
      else written.delete(name);
    }
    return [...names]
      .map((name) => this.get(name))
      .filter((object) => object !== undefined)
      .filter((object) => object.spec.node === node);
  }
}

/** resourceVersions of one resource are comparable integers (KEP-5504, stable since Kubernetes 1.35). */
function isOlder<T extends KubeObject<unknown, unknown>>(a: T, b: T): boolean {
  return BigInt(a.metadata.resourceVersion ?? 0) < BigInt(b.metadata.resourceVersion ?? 0);
}
