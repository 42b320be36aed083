import { expect, test } from "bun:test";
import { amountsOf, fitsInto, mostOf, sumOf } from "./amounts.ts";

test("processors are counted in thousandths, so that sums are exact", () => {
  expect(amountsOf({ cpu: "1500m", memory: "1Gi", pods: "110", "example.com/gpu": "2", odd: "?" })).toEqual({
    cpu: 1500,
    memory: 2 ** 30,
    pods: 110,
    "example.com/gpu": 2,
  });
  const tenths = amountsOf({ cpu: "100m" });
  expect(fitsInto(sumOf(tenths, tenths, tenths), amountsOf({ cpu: "300m" }))).toBe(true);
});

test("sums and maxima go by resource", () => {
  expect(sumOf({ cpu: 1 }, { cpu: 2, memory: 3 })).toEqual({ cpu: 3, memory: 3 });
  expect(mostOf({ cpu: 1, memory: 5 }, { cpu: 2 })).toEqual({ cpu: 2, memory: 5 });
});

test("what is not there fits nowhere, nothing fits everywhere", () => {
  expect(fitsInto({ "example.com/gpu": 1 }, { cpu: 1 })).toBe(false);
  expect(fitsInto({ cpu: 2 }, { cpu: 1 })).toBe(false);
  expect(fitsInto({ cpu: 0 }, { cpu: -5 })).toBe(true);
  expect(fitsInto({}, {})).toBe(true);
});
