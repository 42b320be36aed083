import type { KubeRequest } from "../../src/kube/transport.ts";
import type { CallFate, KubeNetwork, WatchFate } from "../../src/sim/kube/model-transport.ts";
import { failure, type ModelAnswer } from "../../src/sim/kube/status-answer.ts";
import type { Dice } from "./dice.ts";

/** How badly the way to the API server is. Probabilities, and ranges of milliseconds. */
export interface KubeWeather {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  /** 409 for a write, 429 and 500 for anything, none of which has done anything. */
  readonly conflict: number;
  readonly tooMany: number;
  readonly broken: number;
  /** A call that takes seconds. */
  readonly slow: number;
  readonly lagMs: readonly [number, number];
  readonly watchLivesMs: readonly [number, number];
  /** Of watches, how many are cut or fall silent instead of being closed. */
  readonly cut: number;
  readonly silence: number;
}

export const CALM: KubeWeather = {
  lostRequest: 0,
  lostAnswer: 0,
  conflict: 0,
  tooMany: 0,
  broken: 0,
  slow: 0,
  lagMs: [1, 30],
  watchLivesMs: [30 * 60_000, 60 * 60_000],
  cut: 0,
  silence: 0,
};

/** The way of one process to the API server. */
export class FaultyKubeNetwork implements KubeNetwork {
  readonly #dice: Dice;
  readonly #weather: () => KubeWeather;
  readonly #isCutOff: () => boolean;

  constructor(options: { dice: Dice; weather: () => KubeWeather; isCutOff: () => boolean }) {
    this.#dice = options.dice;
    this.#weather = options.weather;
    this.#isCutOff = options.isCutOff;
  }

  call({ method }: KubeRequest): CallFate {
    const dice = this.#dice;
    const weather = this.#weather();
    const slow = dice.chance(weather.slow);
    const requestMs = dice.between(1, 10);
    const answerMs = slow ? dice.between(500, 15_000) : dice.between(1, 10);
    if (this.#isCutOff() || dice.chance(weather.lostRequest)) return { requestMs, answerMs, lost: "request" };
    if (dice.chance(weather.lostAnswer)) return { requestMs, answerMs, lost: "answer" };
    const refused = this.#refusal(method, weather);
    return { requestMs, answerMs, refused };
  }

  watch(): WatchFate {
    const dice = this.#dice;
    const weather = this.#weather();
    const [least, most] = weather.watchLivesMs;
    // Each watch has a lag of its own, and some more for each event.
    const lag = dice.between(...weather.lagMs);
    const kind = dice.next();
    return {
      openMs: dice.between(1, 20),
      lagMs: () => lag * dice.between(0.5, 1.5),
      livesMs: this.#isCutOff() ? 0 : dice.between(least, most),
      end: kind < weather.silence ? "silence" : kind < weather.silence + weather.cut ? "cut" : "close",
      refused: dice.chance(weather.tooMany) ? failureOf(429) : undefined,
    };
  }

  #refusal(method: string, weather: KubeWeather): ModelAnswer | undefined {
    const dice = this.#dice;
    if (dice.chance(weather.tooMany)) return failureOf(429);
    if (dice.chance(weather.broken)) return failureOf(500);
    return method === "PATCH" && dice.chance(weather.conflict) ? failureOf(409) : undefined;
  }
}

function failureOf(code: 409 | 429 | 500): ModelAnswer {
  switch (code) {
    case 409:
      return failure(409, "Conflict", { message: "the object has been modified (injected)" });
    case 429:
      return {
        ...failure(429, "TooManyRequests", { message: "too many requests (injected)" }),
        retryAfter: "1",
      };
    case 500:
      return failure(500, "InternalError", { message: "etcdserver: request timed out (injected)" });
  }
}
