/** A node of the tries below: 32 children, or at the bottom 32 values. Absent ones are holes. */
type Node = readonly unknown[];

const bits = 5;
const mask = 31;

/** An immutable array with holes, indexed by natural numbers: a trie, of which a change copies one path. */
class Trie<T> {
  static readonly empty = new Trie<never>([], 0);
  readonly #root: Node;
  /** Bits of an index that the root's children stand for, less the last five. */
  readonly #shift: number;

  constructor(root: Node, shift: number) {
    this.#root = root;
    this.#shift = shift;
  }

  get(index: number): T | undefined {
    if (index >>> this.#shift > mask) {
      return undefined;
    }
    let node: unknown = this.#root;
    for (let shift = this.#shift; node !== undefined; shift -= bits) {
      node = (node as Node)[(index >>> shift) & mask];
      if (shift === 0) {
        return node as T | undefined;
      }
    }
    return undefined;
  }

  /** @param value undefined makes a hole */
  with(index: number, value: T | undefined): Trie<T> {
    let root = this.#root;
    let shift = this.#shift;
    while (index >>> shift > mask) {
      root = root.length === 0 ? [] : [root];
      shift += bits;
    }
    return new Trie(changed(root, index, { shift, value }) ?? [], shift);
  }

  /** The values in the order of their index. */
  values(): Generator<T> {
    return below<T>(this.#root, this.#shift);
  }
}

function changed(node: Node, index: number, to: { shift: number; value: unknown }): Node | undefined {
  const slot = (index >>> to.shift) & mask;
  const child =
    to.shift === 0
      ? to.value
      : changed((node[slot] ?? []) as Node, index, { shift: to.shift - bits, value: to.value });
  const copy = node.slice();
  // No engine's holes: an array that has them is slow to copy.
  while (copy.length <= slot) {
    copy.push(undefined);
  }
  copy[slot] = child;
  return child === undefined && copy.every((it) => it === undefined) ? undefined : copy;
}

function* below<T>(node: Node, shift: number): Generator<T> {
  for (const child of node) {
    if (child === undefined) {
      continue;
    }
    if (shift === 0) {
      yield child as T;
    } else {
      yield* below<T>(child as Node, shift - bits);
    }
  }
}

type Entry<K, V> = readonly [K, V];

/** Keys by hash: those of one hash in a list, with the number that each was put in under. */
type Bucket<K> = readonly (readonly [K, number])[];

/** How many hashes there are: three levels of a trie. */
const hashes = 1 << 15;

/**
 * A map that never changes: with() and without() answer another one, which shares all but a few small arrays with this one. So a
 * state that holds one is a value, can be kept, and costs the same to derive whatever its size. It is walked in the order in
 * which keys were first put in, as a Map is. Values may not be undefined.
 */
export class PersistentMap<K extends string, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  readonly #entries: Trie<Entry<K, V>>;
  readonly #numbers: Trie<Bucket<K>>;
  readonly #next: number;

  private constructor(parts: {
    size: number;
    entries: Trie<Entry<K, V>>;
    numbers: Trie<Bucket<K>>;
    next: number;
  }) {
    this.size = parts.size;
    this.#entries = parts.entries;
    this.#numbers = parts.numbers;
    this.#next = parts.next;
  }

  /** A map of these entries. */
  static of<K extends string, V>(entries: Iterable<readonly [K, V]> = []): PersistentMap<K, V> {
    let map = new PersistentMap<K, V>({ size: 0, entries: Trie.empty, numbers: Trie.empty, next: 0 });
    for (const [key, value] of entries) {
      map = map.with(key, value);
    }
    return map;
  }

  get(key: K): V | undefined {
    const number = this.#numberOf(key);
    return number === undefined ? undefined : this.#entries.get(number)?.[1];
  }

  has(key: K): boolean {
    return this.#numberOf(key) !== undefined;
  }

  /** This map but for the key's value. A key that is there keeps its place. */
  with(key: K, value: V): PersistentMap<K, V> {
    const known = this.#numberOf(key);
    const number = known ?? this.#next;
    const entries = this.#entries.with(number, [key, value]);
    if (known !== undefined) {
      return new PersistentMap({ size: this.size, entries, numbers: this.#numbers, next: this.#next });
    }
    const hash = hashOf(key);
    const numbers = this.#numbers.with(hash, [...(this.#numbers.get(hash) ?? []), [key, number]]);
    return new PersistentMap({ size: this.size + 1, entries, numbers, next: number + 1 });
  }

  /** This map without the key. */
  without(key: K): PersistentMap<K, V> {
    const number = this.#numberOf(key);
    if (number === undefined) {
      return this;
    }
    const hash = hashOf(key);
    const bucket = (this.#numbers.get(hash) ?? []).filter(([it]) => it !== key);
    return new PersistentMap({
      size: this.size - 1,
      entries: this.#entries.with(number, undefined),
      numbers: this.#numbers.with(hash, bucket.length === 0 ? undefined : bucket),
      next: this.#next,
    });
  }

  *entries(): MapIterator<[K, V]> {
    for (const [key, value] of this.#entries.values()) {
      yield [key, value];
    }
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.#entries.values()) {
      yield key;
    }
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.#entries.values()) {
      yield value;
    }
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#entries.values()) {
      visit(value, key, this);
    }
  }

  #numberOf(key: K): number | undefined {
    return this.#numbers.get(hashOf(key))?.find(([it]) => it === key)?.[1];
  }
}

// FNV-1a over UTF-16 units, folded.
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) & (hashes - 1);
}
