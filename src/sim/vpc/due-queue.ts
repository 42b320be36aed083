import type { Time } from "./state.ts";

interface Heap {
  readonly due: Time;
  /** In the order of these numbers among those that are due together. */
  readonly number: number;
  readonly key: string;
  /** Steps to the nearest end, on the right. */
  readonly rank: number;
  readonly left: Heap | undefined;
  readonly right: Heap | undefined;
}

/** What is to happen, earliest first, in an immutable value: a leftist heap. What is due together comes in the order it was put in. */
export class DueQueue {
  static readonly empty = new DueQueue(undefined, 0);
  readonly #heap: Heap | undefined;
  readonly #next: number;

  private constructor(heap: Heap | undefined, next: number) {
    this.#heap = heap;
    this.#next = next;
  }

  /** The earliest; undefined where nothing is to happen. */
  get first(): { readonly due: Time; readonly key: string } | undefined {
    return this.#heap;
  }

  with(due: Time, key: string): DueQueue {
    const heap: Heap = { due, number: this.#next, key, rank: 1, left: undefined, right: undefined };
    return new DueQueue(merge(this.#heap, heap), this.#next + 1);
  }

  withoutFirst(): DueQueue {
    return new DueQueue(merge(this.#heap?.left, this.#heap?.right), this.#next);
  }
}

function merge(a: Heap | undefined, b: Heap | undefined): Heap | undefined {
  if (a === undefined || b === undefined) {
    return a ?? b;
  }
  const [first, second] = b.due < a.due || (b.due === a.due && b.number < a.number) ? [b, a] : [a, b];
  const right = merge(first.right, second);
  const rankOf = (it: Heap | undefined) => it?.rank ?? 0;
  return rankOf(first.left) >= rankOf(right)
    ? { ...first, right, rank: rankOf(right) + 1 }
    : { ...first, left: right, right: first.left, rank: rankOf(first.left) + 1 };
}
