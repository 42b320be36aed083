import { expect, test } from "bun:test";
import { fallbackLimit } from "./fallback-limit.ts";

test.each([
  ["SA2.SMALL1", 2, 6],
  ["SA2.MEDIUM8", 4, 10],
  ["SA2.LARGE16", 4, 10],
  ["S5.2XLARGE32", 6, 20],
  ["GN10Xp.2XLARGE40", 6, 20],
  ["M5.3XLARGE96", 8, 30],
  ["SA2.4XLARGE64", 8, 30],
  ["SA2.40XLARGE320", 8, 30],
  ["SA1.SMALL1", 2, 2],
  ["SA1.LARGE16", 4, 20],
  ["S5se.LARGE8", 4, 20],
])("%s may have %i ENIs of %i addresses", (type, enis, addressesPerEni) => {
  expect(fallbackLimit(type)).toEqual({ enis, addressesPerEni });
});

test("bare metal may have none but its own", () => {
  expect(fallbackLimit("BMI5.24XLARGE384")).toEqual({ enis: 1, addressesPerEni: 1 });
});

test("a type that is not known may have what the smallest of all may", () => {
  expect(fallbackLimit("Z9.HUGE")).toEqual({ enis: 2, addressesPerEni: 2 });
  expect(fallbackLimit("")).toEqual({ enis: 2, addressesPerEni: 2 });
});
