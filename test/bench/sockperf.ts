/**
 * Half of a round trip, median, µs, from what `sockperf ping-pong` says.
 *
 * @throws Error with its last words when it has measured nothing
 */
export function parsePingPong(output: string): number {
  const median = /percentile 50\.000 = +(\d+\.\d+)/.exec(output)?.[1];
  if (median === undefined) throw new Error(`sockperf measured nothing: ${output.trim().slice(-300)}`);
  return Number(median);
}
