import { expect, test } from "bun:test";
import { parseThroughput } from "./iperf.ts";

test("what the receiver got counts", () => {
  const end = {
    sum_sent: { seconds: 1, bytes: 2, bits_per_second: 15_600_000_000 },
    sum_received: { seconds: 1.011414, bytes: 1959526400, bits_per_second: 15499302165.087688 },
  };
  expect(parseThroughput(JSON.stringify({ start: {}, intervals: [], end }))).toBe(15499302165.087688);
});

test("without it, iperf3's own words are told", () => {
  const output =
    '{"start": {}, "intervals": [], "end": {}, "error": "unable to connect to server: Connection refused"}';
  expect(() => parseThroughput(output)).toThrow("unable to connect to server: Connection refused");
});
