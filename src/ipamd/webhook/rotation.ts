import { isFor, PAIR_LIFE_MS, pairEnds, type ServingPair } from "./serving-pair.ts";

/** A pair is followed by another while this much of its life is left: whoever has missed it for months still trusts what is shown. */
const RENEWED_BEFORE_END_MS = PAIR_LIFE_MS / 3;

/** What is to be done about the pairs that all replicas share: nothing, to make a new one, or to store what this one shows. */
export type Upkeep = "keep" | "make" | "restore";

/** @param now milliseconds since 1970 */
export function goodPairs(stored: readonly ServingPair[], now: number): readonly ServingPair[] {
  return stored.filter((pair) => (pairEnds(pair) ?? 0) > now);
}

/**
 * @param stored pairs that the replicas share, newest first
 * @param shown what this replica's server shows, if it shows any
 * @param names by which the API server calls; where none are known, those of the newest pair will do
 * @param now milliseconds since 1970
 */
export function upkeepOf(
  stored: readonly ServingPair[],
  { shown, names, now }: { shown: ServingPair | undefined; names: readonly string[]; now: number },
): Upkeep {
  const lasts = (pair: ServingPair | undefined) =>
    pair !== undefined && (pairEnds(pair) ?? 0) - now > RENEWED_BEFORE_END_MS && isFor(pair, names);
  if (lasts(stored[0])) return "keep";
  // Somebody has deleted it: API servers know what is shown, and need not learn another.
  if (stored.length === 0 && lasts(shown)) return "restore";
  return "make";
}

/**
 * Which pair a server shows. A new one waits until API servers have come to know its authority; until then it is what was shown before, or what
 * is known the longest, if that is for the names that they call by.
 *
 * @param pairs those that are good, newest first
 * @param settled whether the authority of the newest has been published for long enough
 */
export function pairToShow(
  pairs: readonly ServingPair[],
  { shown, settled, names }: { shown: ServingPair | undefined; settled: boolean; names: readonly string[] },
): ServingPair | undefined {
  if (settled) return pairs[0];
  const usable = pairs.filter((pair) => isFor(pair, names));
  return usable.find(({ certificate }) => certificate === shown?.certificate) ?? usable.at(-1) ?? pairs[0];
}
