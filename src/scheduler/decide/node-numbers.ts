/**
 * Small numbers for nodes, by which what decisions count of nodes stands in arrays: a decision looks at thousands of them, and to follow references
 * from each to what is known of it takes longer than to decide (`npm run bench -- scheduler`).
 *
 * A number is its node's for as long as the node is there or anything is counted by it.
 */
export class NodeNumbers {
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [];
  /** Of nodes that are gone. */
  readonly #left = new Set<number>();
  #isCounted: (number: number) => boolean = () => false;

  /** All numbers are less than this. */
  get size(): number {
    return this.#names.length;
  }

  /** @param isCounted whether a number may not be another node's yet */
  keepWhile(isCounted: (number: number) => boolean): void {
    this.#isCounted = isCounted;
  }

  find(name: string): number | undefined {
    return this.#byName.get(name);
  }

  nameOf(number: number): string {
    return this.#names[number] ?? "";
  }

  /** The number of a node, a new one where it has none. */
  of(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) {
      this.#left.delete(known);
      return known;
    }
    const number = this.#free() ?? this.#names.length;
    this.#names[number] = name;
    this.#byName.set(name, number);
    return number;
  }

  /** The node is gone. It has its number again if it comes back before that is another's. */
  leave(name: string): void {
    const number = this.#byName.get(name);
    if (number !== undefined) this.#left.add(number);
  }

  #free(): number | undefined {
    for (const number of this.#left) {
      if (this.#isCounted(number)) continue;
      this.#left.delete(number);
      this.#byName.delete(this.nameOf(number));
      return number;
    }
    return undefined;
  }
}
