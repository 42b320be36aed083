/** A number in [0, 1), as `Math.random` gives it; handed in so that a test can repeat what it saw. */
export type Random = () => number;

/**
 * How long to wait before the next try, in ms: doubles with every failed one, up to `capMs`, and lies between half of that
 * and all of it, so that a thousand nodes do not come back in the same instant.
 *
 * @param failures tries that failed before, 0 for the first wait
 */
export function backOffMs(
  failures: number,
  options: { baseMs: number; capMs: number; random: Random },
): number {
  const full = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures, 30));
  return full / 2 + (full / 2) * options.random();
}
