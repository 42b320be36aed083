import type { WaitingClock } from "../../time/waiting-clock.ts";

/** Wakes those who wait for it. Take `next` before looking at what may have changed, or a ring in between goes unheard. */
export class Bell {
  #next = Promise.withResolvers<void>();

  /** Resolves at the next ring. */
  get next(): Promise<void> {
    return this.#next.promise;
  }

  ring(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}

/** Resolves with `event`, after `ms`, or when `signal` is aborted, whichever comes first; it never rejects. */
export async function waitFor(
  event: Promise<void>,
  ms: number,
  { clock, signal }: { clock: WaitingClock; signal: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  await Promise.race([event, clock.sleep(ms, AbortSignal.any([signal, over.signal]))]);
  over.abort();
}
