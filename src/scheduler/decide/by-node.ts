/** An integer for each node, by its number, to be read. */
export interface ReadByNode {
  at(number: number): number;
  /** Those of all numbers below `size`, until the next call of any method with a greater one. */
  upTo(size: number): Readonly<Int32Array>;
}

/** An integer for each node, by its number. */
export class ByNode implements ReadByNode {
  readonly #initial: number;
  #values = new Int32Array(0);

  /** @param initial of nodes of which nothing was said */
  constructor(initial = 0) {
    this.#initial = initial;
  }

  at(number: number): number {
    return this.#values[number] ?? this.#initial;
  }

  set(number: number, value: number): void {
    this.upTo(number + 1)[number] = value;
  }

  /** Those of all numbers below `size`, to be read and written until the next call of any method with a greater one. */
  upTo(size: number): Int32Array {
    if (this.#values.length < size) {
      const values = new Int32Array(Math.max(size, 2 * this.#values.length)).fill(this.#initial);
      values.set(this.#values);
      this.#values = values;
    }
    return this.#values;
  }
}
