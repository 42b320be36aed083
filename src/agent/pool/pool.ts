import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Attachment, AttachmentKey } from "./attachment.ts";
import { nextCoolDownEnd } from "./cool-down.ts";
import { instantOf } from "./instant.ts";
import type { Outcome, PoolEffect, StoreChange } from "./outcome.ts";
import type { PoolEvent } from "./pool-event.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";
import { step } from "./step.ts";

/** What the pool needs of the world. */
export interface PoolWorld {
  readonly clock: WaitingClock;
  /** Where changes go before their effects are seen. Throws when they could not be written. */
  readonly store: { apply(changes: readonly StoreChange[]): void };
  /** The store did not take what had happened by itself: the process must end, since memory and disk now differ. */
  readonly onFatal: (error: unknown) => void;
}

/** What became of the state, for those who follow it. */
export interface PoolUpdate {
  readonly before: PoolState;
  readonly after: PoolState;
  readonly effects: readonly PoolEffect[];
}

/** Nobody waits any more: the caller's time was up, its attachment was released, or the pool has closed. */
export class NotAllocatedError extends Error {
  override readonly name = "NotAllocatedError";
  readonly why: "time-is-up" | "released" | "stopping";

  constructor(why: NotAllocatedError["why"], message: string) {
    super(message);
    this.why = why;
  }
}

/** The pool at work: takes events one by one, writes what they change, then tells. */
export class Pool {
  readonly #world: PoolWorld;
  readonly #listeners = new Set<(update: PoolUpdate) => void>();
  readonly #callers = new Map<number, PromiseWithResolvers<readonly PooledAddress[]>>();
  #state: PoolState;
  #lastWaiter = 0;
  /** Wakes the pool when the next cool-down ends, which is at `end` (monotonic). */
  #timer: { end: number; cancel: () => void } | undefined;
  #closed = false;

  constructor(state: PoolState, world: PoolWorld) {
    this.#state = state;
    this.#world = world;
    this.#setTimer();
  }

  get state(): PoolState {
    return this.#state;
  }

  /** Tells `listener` of every change from now on. @returns a function that ends it */
  subscribe(listener: (update: PoolUpdate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes in what has happened by itself. */
  take(event: PoolEvent): void {
    try {
      this.#step(event);
    } catch (error) {
      this.#world.onFatal(error);
    }
  }

  /**
   * Gives the attachment its addresses, one of each family that is served, waiting until they are free.
   *
   * @returns what it holds: one of a family at most, IPv4 first
   * @param ownOnly no address will do but one that is for the attachment's pod
   * @param wait asked for a signal that ends the wait, where there is one: most callers are served at once
   * @throws NotAllocatedError when it was ended, or the pool closed; the store's error when the allocation could not be written
   */
  async allocate(
    { attachment, netns, ownOnly = false }: { attachment: Attachment; netns: string; ownOnly?: boolean },
    wait: () => AbortSignal,
  ): Promise<readonly PooledAddress[]> {
    if (this.#closed) throw stopping();
    const waiter = ++this.#lastWaiter;
    const caller = Promise.withResolvers<readonly PooledAddress[]>();
    this.#callers.set(waiter, caller);
    const giveUp = () => {
      // An answer that is on its way already wins.
      if (!this.#callers.delete(waiter)) return;
      this.take({ type: "give-up", waiter });
      caller.reject(new NotAllocatedError("time-is-up", "no address became free in time"));
    };
    let signal: AbortSignal | undefined;
    try {
      this.#step({ type: "allocate", waiter, attachment, netns, ownOnly });
      if (this.#callers.has(waiter)) {
        signal = wait();
        if (signal.aborted) giveUp();
        else signal.addEventListener("abort", giveUp, { once: true });
      }
      return await caller.promise;
    } finally {
      this.#callers.delete(waiter);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /**
   * Takes back what the attachment holds; nothing when it holds nothing.
   *
   * @returns the addresses given back
   * @throws the store's error when that could not be written
   */
  release(attachment: AttachmentKey): string[] {
    return this.#step({ type: "release", attachment }).effects.flatMap((effect) =>
      effect.type === "released" ? [effect.address] : [],
    );
  }

  /** Hands out nothing any more: callers that wait are sent away, and those that still come. Releases are taken. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const [waiter, caller] of this.#callers) {
      // Or a release would still give it an address, of which nobody hears.
      this.take({ type: "give-up", waiter });
      caller.reject(stopping());
    }
    this.#callers.clear();
  }

  #step(event: PoolEvent): Outcome {
    const before = this.#state;
    const outcome = step(before, event, instantOf(this.#world.clock));
    this.#world.store.apply(outcome.changes);
    this.#state = outcome.state;
    this.#setTimer();
    for (const effect of outcome.effects) this.#answer(effect);
    for (const listener of this.#listeners)
      listener({ before, after: outcome.state, effects: outcome.effects });
    return outcome;
  }

  #answer(effect: PoolEffect): void {
    if (effect.type !== "answer" && effect.type !== "dismiss") return;
    const caller = this.#callers.get(effect.waiter);
    this.#callers.delete(effect.waiter);
    if (effect.type === "answer") caller?.resolve(effect.addresses);
    else
      caller?.reject(
        new NotAllocatedError("released", "the attachment was released while it waited for an address"),
      );
  }

  #setTimer(): void {
    const end = this.#closed ? undefined : nextCoolDownEnd(this.#state);
    if (end === this.#timer?.end) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (end === undefined) return;
    const { clock } = this.#world;
    // Rounded up: a timer that fires a fraction early would find the cool-down unfinished.
    const delay = Math.max(1, Math.ceil(end - clock.monotonic()));
    const cancel = startTimer(clock, delay, () => {
      this.#timer = undefined;
      this.take({ type: "tick" });
    });
    this.#timer = { end, cancel };
  }
}

function stopping(): NotAllocatedError {
  return new NotAllocatedError("stopping", "the agent is stopping");
}
