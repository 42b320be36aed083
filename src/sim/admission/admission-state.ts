import type { SimConfig } from "../config.ts";
import type { Dice } from "../vpc/dice.ts";
import type { Time } from "../vpc/state.ts";
import type { Credential } from "./credential.ts";
import type { Fault } from "./fault.ts";
import type { RateLimits, RateWindows } from "./rate-limits.ts";

/** How old the state is that Describe actions show, in milliseconds: always that old, or by the dice up to that old. */
export interface DescribeLag {
  readonly ms: number;
  readonly varies: boolean;
}

/** What stands between callers and the cloud, at one moment. Nothing in it is ever changed in place. */
export interface AdmissionState {
  /** Not those of the cloud: with and without faults it invents the same ids. */
  readonly dice: Dice;
  readonly credentials: ReadonlyMap<string, Credential>;
  /** Actions that a caller's policy lacks, by secret id. */
  readonly denied: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rateLimits: RateLimits;
  readonly windows: RateWindows;
  /** In the order in which they are tried. */
  readonly faults: readonly Fault[];
  readonly faultsMade: number;
  readonly describeLag: DescribeLag;
  /** How far the cloud's clock is ahead of the callers', in milliseconds. */
  readonly clockSkewMs: number;
}

/** What is admitted at the start, as configured. */
export function initialAdmission(
  config: Pick<SimConfig, "credentials" | "rateLimits" | "describeLag" | "seed">,
): AdmissionState {
  return {
    dice: config.seed,
    credentials: new Map(config.credentials.map((it) => [it.secretId, it])),
    denied: new Map(),
    rateLimits: config.rateLimits,
    windows: new Map(),
    faults: [],
    faultsMade: 0,
    describeLag: config.describeLag,
    clockSkewMs: 0,
  };
}

/** The cloud's time, which callers' signatures are held against. */
export function cloudTime(state: AdmissionState, now: Time): Time {
  return now + state.clockSkewMs;
}
