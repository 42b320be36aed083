import { drainMicrotasks } from "bun:jsc";
import type { WaitingClock } from "../waiting-clock.ts";

/** Something that happens at a time; the same times go in the order of their making. */
interface Entry {
  readonly at: number;
  readonly order: number;
  act: (() => void) | undefined;
}

/**
 * A clock whose time jumps to the next thing that waits for it, as soon as everything else is quiet. Wall clock and monotonic
 * clock go together. One run is like the other: nothing here looks at the machine's time.
 */
export interface VirtualClock extends WaitingClock {
  /** Calls back at that monotonic time, or now where that has passed. @returns a function that cancels it */
  at(time: number, act: () => void): () => void;
  /** Calls back after `ms`. @returns a function that cancels it */
  after(ms: number, act: () => void): () => void;
  /**
   * Lets what waits happen, one after the other, until the monotonic time `end` or until `stopped` says so.
   *
   * @param observe called after each, when all that it led to at once is done
   */
  run(end: number, observe?: () => boolean): void;
}

/** Midnight before 2026: dates in traces are easy to read. */
const EPOCH = Date.UTC(2026, 0, 1);

export function createVirtualClock(): VirtualClock {
  const heap: Entry[] = [];
  let now = 0;
  let made = 0;
  let cancelled = 0;

  function at(time: number, act: () => void): () => void {
    const entry: Entry = { at: Math.max(now, time), order: made++, act };
    push(heap, entry);
    return () => {
      if (entry.act === undefined) return;
      entry.act = undefined;
      if (++cancelled > 1000 && cancelled * 2 > heap.length) clean();
    };
  }

  /** Timers that were cancelled long before their time would fill the heap. */
  function clean(): void {
    const alive = heap.filter(({ act }) => act !== undefined).sort(compare);
    heap.splice(0, heap.length, ...alive);
    cancelled = 0;
  }

  return {
    now: () => EPOCH + now,
    monotonic: () => now,
    at,
    after: (ms, act) => at(now + ms, act),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = at(now + ms, wake);
        function wake(): void {
          signal?.removeEventListener("abort", wake);
          cancel();
          resolve();
        }
        signal?.addEventListener("abort", wake);
      });
    },
    run(end, observe) {
      drainMicrotasks();
      for (;;) {
        const [next] = heap;
        if (next === undefined || next.at > end) break;
        pop(heap);
        const { act } = next;
        if (act === undefined) {
          cancelled--;
          continue;
        }
        now = next.at;
        next.act = undefined;
        act();
        drainMicrotasks();
        if (observe?.() === false) return;
      }
      now = Math.max(now, end);
    },
  };
}

function compare(a: Entry, b: Entry): number {
  return a.at - b.at || a.order - b.order;
}

function push(heap: Entry[], entry: Entry): void {
  heap.push(entry);
  let i = heap.length - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || compare(above, entry) <= 0) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let i = 0;
  for (;;) {
    const left = 2 * i + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (a === undefined) break;
    const [child, index] = b !== undefined && compare(b, a) < 0 ? [b, left + 1] : [a, left];
    if (compare(last, child) <= 0) break;
    heap[i] = child;
    i = index;
  }
  heap[i] = last;
}
