import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { WaitingClock } from "../../src/time/waiting-clock.ts";

/**
 * A process of the simulated world. All that reaches its code from outside, the end of a sleep as well as the answer to a call, is
 * delivered through it: so it can stand still for a while, or be gone for good in the middle of whatever it did.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: WaitingClock;
  readonly #world: VirtualClock;
  readonly #held: (() => void)[] = [];
  readonly #endings: (() => void)[] = [];
  #state: "running" | "frozen" | "ended" = "running";

  constructor(name: string, world: VirtualClock) {
    this.name = name;
    this.#world = world;
    this.clock = {
      now: () => world.now(),
      monotonic: () => world.monotonic(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Lets something happen to the process: now, when it goes on, or never; in the order of the calls. */
  readonly deliver = (act: () => void): void => {
    if (this.#state === "running" && this.#held.length === 0) act();
    else if (this.#state !== "ended") this.#held.push(act);
  };

  /** It stands still, as one that is paused or starved: time goes on without it. */
  freeze(): void {
    if (this.#state === "running") this.#state = "frozen";
  }

  /** It goes on: what has happened meanwhile reaches it all at once. */
  resume(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    this.#catchUp();
  }

  /** It is gone, in whatever it did: nothing reaches it any more. */
  end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#held.length = 0;
    for (const ending of this.#endings.splice(0).reverse()) ending();
  }

  /** What the world has to take away when the process ends. */
  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  /** One by one, as from an event loop: each may freeze or end it again. */
  #catchUp(): void {
    if (this.#held.length === 0) return;
    this.#world.after(0, () => {
      if (this.#state !== "running") return;
      this.#held.shift()?.();
      this.#catchUp();
    });
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#world.after(ms, () => this.deliver(wake));
      function wake(): void {
        signal?.removeEventListener("abort", wake);
        cancel();
        resolve();
      }
      signal?.addEventListener("abort", wake);
    });
  }
}
