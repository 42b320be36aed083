import type { KubeObject } from "../../api/kube-object.ts";
import { keyOf } from "../../kube/resource.ts";

/** The part of a reflector that a cache reads. */
export interface ObjectSource<T> {
  readonly store: { get(name: string, namespace?: string): T | undefined; list(): T[] };
}

/** One whose objects belong to nodes, filed by them. */
export interface NodeObjectSource<T> extends ObjectSource<T> {
  readonly store: ObjectSource<T>["store"] & { index(name: "node", node: string): T[] };
}

/**
 * Objects of one kind as this process knows them: what the watch has brought, and, where it lags behind, what our own last
 * write answered. Without it a plan made right after a write would not see that write, and do it again.
 */
export class ObjectCache<T extends KubeObject<unknown, unknown>> {
  readonly #source: ObjectSource<T>;
  protected readonly written = new Map<string, T>();
  /** Objects that we deleted, by key, until the watch has seen it: uid of the deleted one. */
  readonly #deleted = new Map<string, string>();

  constructor(source: ObjectSource<T>) {
    this.#source = source;
  }

  get(name: string, namespace?: string): T | undefined {
    const key = keyOf(name, namespace);
    const seen = this.#source.store.get(name, namespace);
    const gone = this.#deleted.get(key);
    if (gone !== undefined) {
      if (seen?.metadata.uid === gone) return undefined;
      this.#deleted.delete(key);
    }
    const written = this.written.get(key);
    if (written === undefined) return seen;
    if (seen !== undefined && !isOlder(seen, written)) {
      this.written.delete(key);
      return seen;
    }
    return written;
  }

  list(): T[] {
    const known = new Map(
      [...this.written.values(), ...this.#source.store.list()].map((it) => [keyIn(it), it]),
    );
    return [...known.values()]
      .map(({ metadata }) => this.get(metadata.name, metadata.namespace))
      .filter((object) => object !== undefined);
  }

  /** What our writes answered that the watch had not shown when it was last asked for. */
  unseen(): T[] {
    return [...this.written.values()];
  }

  /** Remembers what a write answered. */
  wrote(object: T): T {
    this.#deleted.delete(keyIn(object));
    this.written.set(keyIn(object), object);
    return object;
  }

  /** Remembers that an object is deleted. */
  removed(object: T): void {
    this.written.delete(keyIn(object));
    if (object.metadata.uid !== undefined) this.#deleted.set(keyIn(object), object.metadata.uid);
  }

  /** Drops what a write answered: the API server says that there is no such object. */
  forget(name: string, namespace?: string): void {
    this.written.delete(keyOf(name, namespace));
  }

  /**
   * Tells that the watch saw an object go. Only then is a written copy of it dropped: that the store lacks it proves nothing,
   * since the watch may not have brought it yet.
   */
  sawDeletion(object: T): void {
    const key = keyIn(object);
    const { uid } = object.metadata;
    if (this.written.get(key)?.metadata.uid === uid) this.written.delete(key);
    if (this.#deleted.get(key) === uid) this.#deleted.delete(key);
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

function keyIn({ metadata }: KubeObject<unknown, unknown>): string {
  return keyOf(metadata.name, metadata.namespace);
}

/** resourceVersions of one resource are comparable integers (KEP-5504, stable since Kubernetes 1.35). */
function isOlder<T extends KubeObject<unknown, unknown>>(a: T, b: T): boolean {
  return BigInt(a.metadata.resourceVersion ?? 0) < BigInt(b.metadata.resourceVersion ?? 0);
}
