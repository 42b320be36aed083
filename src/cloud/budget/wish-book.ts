import type { CloudAction } from "./rates.ts";

/** How pressing a call is, the most pressing first. */
export const URGENCIES = ["waiting-pod", "warm-up", "release"] as const;

export type Urgency = (typeof URGENCIES)[number];

/** What a node wishes for: a call, or any of the ways to an ENI. */
export type WishKey = CloudAction | "creation";

export interface Wish {
  readonly node: string;
  readonly key: WishKey;
  readonly urgency: Urgency;
  /** Its place among all wishes ever made. */
  readonly place: number;
}

/** Nodes served longer ago than this are all alike. */
const MEMORY_MS = 60_000;

/**
 * The calls that nodes wish for, one of a kind a node, and whose turn it is: the more urgent first, then the node that was served
 * longest ago, then the older wish. However many wishes a node has, each of its turns sends it behind all other nodes of
 * that urgency, so none of them starves.
 */
export class WishBook {
  readonly #byKey = new Map<WishKey, Map<string, Wish>>();
  /** When nodes were last served, the one longest ago first. */
  readonly #served = new Map<string, { turn: number; at: number }>();
  #places = 0;
  #turns = 0;

  /** Writes a wish down, or changes how urgent one is that waits already. */
  put(node: string, key: WishKey, urgency: Urgency): void {
    const wishes = this.#byKey.get(key) ?? new Map<string, Wish>();
    this.#byKey.set(key, wishes);
    wishes.set(node, { node, key, urgency, place: wishes.get(node)?.place ?? this.#places++ });
  }

  drop(node: string, key: WishKey): void {
    this.#byKey.get(key)?.delete(node);
  }

  /** Takes the wish of a node whose turn it was. */
  serve(wish: Wish, now: number): void {
    this.drop(wish.node, wish.key);
    this.#served.delete(wish.node);
    this.#served.set(wish.node, { turn: this.#turns++, at: now });
    for (const [node, { at }] of this.#served) {
      if (now - at <= MEMORY_MS) break;
      this.#served.delete(node);
    }
  }

  /** Kinds of wishes that wait. */
  keys(): WishKey[] {
    return [...this.#byKey].filter(([, wishes]) => wishes.size > 0).map(([key]) => key);
  }

  waiting(key: WishKey): number {
    return this.#byKey.get(key)?.size ?? 0;
  }

  /** The most deserving wish of a kind among those that `may` lets through. */
  first(key: WishKey, may: (wish: Wish) => boolean = () => true): Wish | undefined {
    let first: Wish | undefined;
    for (const wish of this.#byKey.get(key)?.values() ?? []) {
      if (may(wish) && (first === undefined || this.isBefore(wish, first))) first = wish;
    }
    return first;
  }

  isMoreUrgent(a: Wish, b: Wish): boolean {
    return URGENCIES.indexOf(a.urgency) < URGENCIES.indexOf(b.urgency);
  }

  /** Whether it is the turn of `a` before it is that of `b`. */
  isBefore(a: Wish, b: Wish): boolean {
    return this.#compare(a, b) < 0;
  }

  #compare(a: Wish, b: Wish): number {
    return (
      URGENCIES.indexOf(a.urgency) - URGENCIES.indexOf(b.urgency) ||
      this.#turn(a.node) - this.#turn(b.node) ||
      a.place - b.place
    );
  }

  #turn(node: string): number {
    return this.#served.get(node)?.turn ?? -1;
  }
}
