import type { Figure } from "./figure.ts";

/** What a benchmark is given. */
export interface BenchWorld {
  readonly say: (line: string) => void;
  /** Aborted when the run is to end early: what was made is taken away then as well. */
  readonly signal: AbortSignal;
}

/** What a benchmark found. */
export interface Measured {
  readonly figures: readonly Figure[];
  /** Every single value, by the name of its row. */
  readonly raw: object;
}

/** A benchmark. */
export type Bench = (world: BenchWorld) => Promise<Measured>;
