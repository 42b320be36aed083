/**
 * Bits per second that the receiver got, from what `iperf3 --json` says.
 *
 * @throws Error with its own words when it has measured nothing
 */
export function parseThroughput(output: string): number {
  const { end, error } = JSON.parse(output) as {
    end?: { sum_received?: { bits_per_second?: number } };
    error?: string;
  };
  const bits = end?.sum_received?.bits_per_second;
  if (bits === undefined || bits === 0)
    throw new Error(`iperf3 measured nothing: ${error ?? output.slice(-300)}`);
  return bits;
}
