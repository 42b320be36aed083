import type { WaitingClock } from "../../time/waiting-clock.ts";

/** Rings once, at the earliest time that it was set to since it last rang. */
export class Alarm {
  readonly #clock: WaitingClock;
  readonly #ring: () => void;
  #set: { at: number; cancel: AbortController } | undefined;

  constructor(clock: WaitingClock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** @param at monotonic ms; infinity sets nothing */
  set(at: number): void {
    if (at === Number.POSITIVE_INFINITY || (this.#set !== undefined && this.#set.at <= at)) return;
    this.#set?.cancel.abort();
    const setting = { at, cancel: new AbortController() };
    this.#set = setting;
    void this.#clock.sleep(Math.max(0, at - this.#clock.monotonic()), setting.cancel.signal).then(() => {
      if (this.#set !== setting) return;
      this.#set = undefined;
      this.#ring();
    });
  }

  cancel(): void {
    this.#set?.cancel.abort();
    this.#set = undefined;
  }
}
