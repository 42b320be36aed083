import type { Fabric } from "./fabric/fabric.ts";
import { advance, nextDue } from "./vpc/advance.ts";
import type { CloudState, Effect, Step, Time } from "./vpc/state.ts";

/** The part of a structured logger that this room uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Where time comes from. */
export interface Clock {
  now(): Time;
  /** Calls back at that time or soon after; the answer takes it back. */
  wakeAt(time: Time, callback: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  wakeAt: (time, callback) => {
    const timer = setTimeout(callback, Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  },
};

/**
 * The cloud as it lives: the state machine, the time that drives it and the network that follows it. Acts run one after the
 * other; a state is seen only when the network is as it says, so an address that shows as AVAILABLE carries packets and
 * one that an answer says is leaving carries none.
 */
export class Simulator {
  readonly #fabric: Fabric;
  readonly #clock: Clock;
  readonly #log: Log;
  #state: CloudState;
  #queue: Promise<unknown> = Promise.resolve();
  #cancelWake: () => void = () => {};
  #closed = false;
  #historyMs = 0;
  /** The states of that time and the last one before it, each with when it began; empty where none are kept. */
  #history: { readonly since: Time; readonly state: CloudState }[] = [];

  constructor(state: CloudState, options: { fabric: Fabric; clock: Clock; log: Log }) {
    this.#state = state;
    this.#fabric = options.fabric;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** The state that callers may see. */
  get state(): CloudState {
    return this.#state;
  }

  now(): Time {
    return this.#clock.now();
  }

  /** Resolves when so many milliseconds have passed. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.wakeAt(this.#clock.now() + ms, resolve));
  }

  /** From now on earlier states are kept so long, in milliseconds, for stateAt; 0 keeps none. */
  keepHistory(ms: number): void {
    this.#historyMs = ms;
    this.#remember();
  }

  /** The state as it was at that time, or the earliest that is kept. */
  stateAt(time: Time): CloudState {
    const [earliest] = this.#history;
    const then = this.#history.findLast((it) => it.since <= time) ?? earliest;
    // What fell due between two acts was done late, and is done in time here; the network has followed it meanwhile.
    return then === undefined ? this.#state : advance(then.state, Math.max(time, then.since)).state;
  }

  /**
   * Runs an act on the state as it is then.
   *
   * @returns its answer, once the network has followed
   * @throws what the act throws; nothing has happened then
   */
  run<Answer>(act: (state: CloudState, now: Time) => Step<Answer>): Promise<Answer> {
    return this.#turn(async () => {
      const step = act(this.#state, this.#clock.now());
      await this.#follow(step);
      return step.answer;
    });
  }

  /**
   * As run, for an act that is worth nothing unless the network follows: where it cannot, the links made so far are taken away
   * again and nothing has happened.
   *
   * @throws what the act throws, or the network
   */
  runOrUndo<Answer>(act: (state: CloudState, now: Time) => Step<Answer>): Promise<Answer> {
    return this.#turn(async () => {
      const step = act(this.#state, this.#clock.now());
      try {
        for (const effect of step.effects) {
          await this.#apply(effect);
        }
      } catch (error) {
        await this.#follow({
          state: this.#state,
          effects: step.effects
            .filter((it) => it.kind === "plug")
            .map(({ eniId }) => ({ kind: "unplug", eniId })),
        });
        throw error;
      }
      this.#become(step.state);
      return step.answer;
    });
  }

  /** Ends what is under way and wakes up no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWake();
    await this.#queue;
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => this.#advance()).then(work);
    this.#queue = turn.catch(() => {}).then(() => this.#sleep());
    return turn;
  }

  #advance(): Promise<void> {
    return this.#follow(advance(this.#state, this.#clock.now()));
  }

  #sleep(): void {
    this.#cancelWake();
    const due = nextDue(this.#state);
    if (due !== undefined && !this.#closed) {
      this.#cancelWake = this.#clock.wakeAt(due, () => this.#turn(async () => {}));
    }
  }

  async #follow(step: { state: CloudState; effects: readonly Effect[] }): Promise<void> {
    for (const effect of step.effects) {
      try {
        await this.#apply(effect);
      } catch (error) {
        // The cloud does not take back what it decided because a machine's kernel is gone: the machine has lost its link.
        const reason = error instanceof Error ? error.message : String(error);
        this.#log.warn({ effect, reason }, "The network could not follow the cloud");
      }
    }
    this.#become(step.state);
  }

  #become(state: CloudState): void {
    if (state !== this.#state) {
      this.#state = state;
      this.#remember();
    }
  }

  #remember(): void {
    if (this.#historyMs === 0) {
      this.#history = [];
      return;
    }
    const now = this.#clock.now();
    this.#history.push({ since: now, state: this.#state });
    const start = this.#history.findLastIndex((it) => it.since <= now - this.#historyMs);
    // Seldom, and then much: each removal moves all that are kept.
    if (start > 1000) {
      this.#history = this.#history.slice(start);
    }
  }

  #apply(effect: Effect): Promise<void> {
    switch (effect.kind) {
      case "plug":
        return this.#fabric.plug(effect);
      case "unplug":
        return this.#fabric.unplug(effect.eniId);
      case "assign":
        return this.#fabric.assign(effect.eniId, effect.addresses);
      case "unassign":
        return this.#fabric.unassign(effect.eniId, effect.addresses);
    }
  }
}
