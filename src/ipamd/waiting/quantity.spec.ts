import { expect, test } from "bun:test";
import { amountOf } from "./quantity.ts";

test.each([
  ["110", 110],
  ["1k", 1000],
  ["250m", 0.25],
  ["64Mi", 64 * 1024 * 1024],
  ["12e3", 12_000],
  ["", undefined],
  ["many", undefined],
  ["1.5Gi", undefined],
  [undefined, undefined],
])("%p is %p", (quantity, amount) => {
  expect(amountOf(quantity)).toBe(amount as number);
});
