import type { NodeNumbers } from "../decide/node-numbers.ts";

/** So many lists are known again: pods of so many kinds wait at once, each kind refused on nodes of its own. */
const MOST_LISTS = 8;

/**
 * Lists of nodes, each kept once: thousands of pods are refused on the same thousands of nodes, which the scheduler names in another order each time
 * (its filters run in parallel).
 */
export class SharedPlaces {
  readonly #numbers: NodeNumbers;
  /** The one that was used last comes first. */
  #recent: (readonly string[])[] = [];

  constructor(numbers: NodeNumbers) {
    this.#numbers = numbers;
  }

  /** @returns the same list for the same nodes, in whichever order they are named */
  of(names: readonly string[]): readonly string[] {
    const places = this.#inOrder(names);
    const known = this.#recent.find(
      (list) => list.length === places.length && list.every((name, i) => name === places[i]),
    );
    const list = known ?? places;
    this.#recent = [list, ...this.#recent.filter((other) => other !== list)].slice(0, MOST_LISTS);
    return list;
  }

  #inOrder(names: readonly string[]): string[] {
    const isNamed = new Uint8Array(this.#numbers.size);
    // Of these nothing is known yet: they may become nodes with addresses.
    const unknown: string[] = [];
    for (const name of names) {
      const number = this.#numbers.find(name);
      if (number === undefined) unknown.push(name);
      else isNamed[number] = 1;
    }
    const places: string[] = [];
    for (const [number, is] of isNamed.entries()) if (is === 1) places.push(this.#numbers.nameOf(number));
    return [...places, ...unknown.sort()];
  }
}
