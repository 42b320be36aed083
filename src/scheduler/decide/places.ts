import type { NodeNumbers } from "./node-numbers.ts";
import type { Fit } from "./world.ts";

/** Nodes that a pod may go to, and what it takes there: nearly all of thousands have one of a few fits. */
export class Places {
  readonly #numbers: NodeNumbers;
  /** By a node's number: which of the fits it has, counted from one. */
  #codes: Int16Array;
  readonly #fits: Fit[] = [];
  #size = 0;

  constructor(numbers: NodeNumbers) {
    this.#numbers = numbers;
    this.#codes = new Int16Array(numbers.size);
  }

  /** Those of the nodes that have a number. */
  static of(numbers: NodeNumbers, entries: Iterable<readonly [name: string, fit: Fit]>): Places {
    const places = new Places(numbers);
    for (const [name, fit] of entries) {
      const number = numbers.find(name);
      if (number !== undefined) places.add(number, fit);
    }
    return places;
  }

  get size(): number {
    return this.#size;
  }

  /** By a node's number: which of the fits it has, counted from one; 0: it is none of the places. */
  get codes(): Int16Array {
    return this.#codes;
  }

  get fits(): readonly Fit[] {
    return this.#fits;
  }

  /** @returns whether it was none of the places before */
  add(number: number, fit: Fit): boolean {
    let code = this.#fits.indexOf(fit) + 1;
    if (code === 0) code = this.#fits.push(fit);
    if (number >= this.#codes.length) {
      const codes = new Int16Array(this.#numbers.size);
      codes.set(this.#codes);
      this.#codes = codes;
    }
    const isNew = this.#codes[number] === 0;
    if (isNew) this.#size++;
    this.#codes[number] = code;
    return isNew;
  }

  get(name: string): Fit | undefined {
    const number = this.#numbers.find(name);
    const code = number === undefined ? 0 : (this.#codes[number] ?? 0);
    return this.#fits[code - 1];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  *[Symbol.iterator](): Generator<[name: string, fit: Fit]> {
    for (const [number, code] of this.#codes.entries()) {
      const fit = this.#fits[code - 1];
      if (fit !== undefined) yield [this.#numbers.nameOf(number), fit];
    }
  }
}
