import { expect, test } from "bun:test";
import { Dice } from "../simulation/dice.ts";
import { formatRatio, median, pairedRatio, percentile } from "./statistics.ts";

test("the median is the value in the middle, or between the two in the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow("nothing has no median");
});

test("a percentile is a value that was measured, which so many of all do not exceed", () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  expect([50, 99, 100].map((p) => percentile(values, p))).toEqual([100, 198, 200]);
  expect(percentile([7], 99)).toBe(7);
  expect(() => percentile([], 50)).toThrow("nothing has no percentile");
});

test("pairs are compared with one another, not with those of other weather", () => {
  const ours = [9, 90, 900];
  const theirs = [10, 100, 1000];
  expect(pairedRatio(ours, theirs, new Dice(1).next)).toEqual({ ratio: 0.9, low: 0.9, high: 0.9, pairs: 3 });
});

test("the interval is as wide as the pairs differ, and holds the ratio", () => {
  const theirs = Array.from({ length: 40 }, () => 1);
  const dice = new Dice(7);
  const narrow = pairedRatio(
    theirs.map(() => 0.9 + 0.02 * dice.next()),
    theirs,
    new Dice(1).next,
  );
  const wide = pairedRatio(
    theirs.map(() => 0.5 + dice.next()),
    theirs,
    new Dice(1).next,
  );
  for (const { ratio, low, high } of [narrow, wide]) {
    expect(low).toBeLessThan(ratio);
    expect(high).toBeGreaterThan(ratio);
  }
  expect(narrow.high - narrow.low).toBeLessThan(0.02);
  expect(wide.high - wide.low).toBeGreaterThan(0.1);
  expect(formatRatio(narrow)).toMatch(/^0\.9\d\d \(0\.9\d\d to 0\.9\d\d\)$/);
});

test("what has no partner cannot be compared", () => {
  expect(() => pairedRatio([1, 2], [1], Math.random)).toThrow("2 values cannot be paired with 1");
});
