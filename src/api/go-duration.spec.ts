import { expect, test } from "bun:test";
import { parseGoDuration } from "./go-duration.ts";

test.each([
  ["0", 0],
  ["30s", 30_000],
  ["2m", 120_000],
  ["1h30m", 5_400_000],
  ["2m0s", 120_000],
  ["1.5s", 1500],
  ["500ms", 500],
])("parseGoDuration(%p) is %p ms", (text, ms) => {
  expect(parseGoDuration(text)).toBe(ms);
});

test.each(["", "5", "-5s", "5 s", "s", "5d", "1h30", "five"])("parseGoDuration(%p) is refused", (text) => {
  expect(parseGoDuration(text)).toBeUndefined();
});
