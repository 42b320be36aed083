import type { Dice } from "./dice.ts";

/** A call to the cloud as its sender makes it. */
export interface SentCall {
  /** Of the process, unique to its life. */
  readonly identity: string;
  readonly action: string;
  readonly parameters: object;
}

/** A call on its way. */
export interface CallUnderWay extends SentCall {
  /** Monotonic milliseconds. */
  readonly sentAt: number;
}

/** Calls that take long to arrive. */
export interface Detour {
  /** Names of actions; `*` is every call. */
  readonly actions: readonly string[];
  /** How often it is taken, of the calls that it meets. */
  readonly probability?: number | undefined;
  /** After so many calls it is over; without a figure it goes on. */
  readonly calls?: number | undefined;
  /** After so many milliseconds it is over; without a figure it goes on. */
  readonly forMs?: number | undefined;
  /** By how much a call is later, in milliseconds. */
  readonly ms: number;
  /** Told of each call that takes it, when that is sent. */
  readonly onTaken?: ((call: SentCall) => void) | undefined;
}

/**
 * The way to the cloud. What is held up on it arrives, whatever has become of its sender, and was sent when it was sent: as a call of
 * a machine that was paused between its last thought and its deed, or whose packets were.
 */
export class CloudRoad {
  readonly #dice: Dice;
  readonly #now: () => number;
  #detours: { readonly detour: Detour; readonly until: number; left: number }[] = [];

  constructor({ dice, now }: { dice: Dice; now: () => number }) {
    this.#dice = dice;
    this.#now = now;
  }

  add(detour: Detour): void {
    const { forMs = Number.POSITIVE_INFINITY, calls = Number.POSITIVE_INFINITY } = detour;
    this.#detours.push({ detour, until: this.#now() + forMs, left: calls });
  }

  /** From now on every call goes straight. */
  clear(): void {
    this.#detours = [];
  }

  /** @returns by how many milliseconds a call that is sent now is later */
  take(call: SentCall): number {
    const now = this.#now();
    this.#detours = this.#detours.filter(({ until, left }) => now < until && left > 0);
    let ms = 0;
    for (const entry of this.#detours) {
      const { actions, probability = 1, onTaken } = entry.detour;
      if (!actions.includes("*") && !actions.includes(call.action)) continue;
      if (probability < 1 && !this.#dice.chance(probability)) continue;
      entry.left--;
      ms += entry.detour.ms;
      onTaken?.(call);
    }
    return ms;
  }
}
