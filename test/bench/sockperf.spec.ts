import { expect, test } from "bun:test";
import { parsePingPong } from "./sockperf.ts";

test("the median is read among sockperf's percentiles", () => {
  const output = `sockperf: Summary: Latency is 3.276 usec
sockperf: [2;35mTotal 83142 observations[0m; each percentile contains 831.42 observations
sockperf: ---> <MAX> observation = 2020.521
sockperf: ---> percentile 99.990 =  676.558
sockperf: ---> percentile 75.000 =    2.951
sockperf: ---> percentile 50.000 =    2.806
sockperf: ---> percentile 25.000 =    2.449
`;
  expect(parsePingPong(output)).toBe(2.806);
});

test("without one, sockperf's own words are told", () => {
  expect(() =>
    parsePingPong("sockperf: ERROR: Can`t connect socket (errno=111 Connection refused)\n"),
  ).toThrow("sockperf measured nothing: sockperf: ERROR: Can`t connect socket");
});
