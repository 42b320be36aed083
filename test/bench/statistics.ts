/** A ratio that was measured in pairs, with the interval that its chance error leaves. */
export interface PairedRatio {
  /** Median of the pairs' ratios. */
  readonly ratio: number;
  /** Percentile bootstrap of that median: 95 % of it lies between them. */
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

const RESAMPLES = 10_000;

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new RangeError("nothing has no median");
  return (lower + upper) / 2;
}

/**
 * The least value that so many percent of all do not exceed (nearest rank).
 * @throws RangeError without values
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)];
  if (value === undefined) throw new RangeError("nothing has no percentile");
  return value;
}

/**
 * Compares what was measured side by side: the two values of a pair had the same weather, so their ratio has less chance in it than
 * the ratio of the medians of all. The interval comes from drawing as many pairs again, with repetition, ten thousand times.
 *
 * @param random draws, in [0, 1)
 * @throws RangeError when the two have not as many values each
 */
export function pairedRatio(
  ours: readonly number[],
  theirs: readonly number[],
  random: () => number,
): PairedRatio {
  if (ours.length !== theirs.length) {
    throw new RangeError(`${ours.length} values cannot be paired with ${theirs.length}`);
  }
  const ratios = ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
  const drawn = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(random() * ratios.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b);
  return {
    ratio: median(ratios),
    low: drawn[Math.floor(RESAMPLES * 0.025)] ?? Number.NaN,
    high: drawn[Math.ceil(RESAMPLES * 0.975) - 1] ?? Number.NaN,
    pairs: ratios.length,
  };
}

/** `0.913 (0.902 to 0.931)` */
export function formatRatio({ ratio, low, high }: PairedRatio): string {
  return `${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}
