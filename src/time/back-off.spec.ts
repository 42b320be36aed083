import { expect, test } from "bun:test";
import { backOffMs } from "./back-off.ts";

const options = { baseMs: 200, capMs: 10_000 };

test("backOffMs() doubles up to the cap", () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 1000].map((failures) =>
    backOffMs(failures, { ...options, random: () => 1 }),
  );
  expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

test("backOffMs() spreads over the upper half", () => {
  expect(backOffMs(3, { ...options, random: () => 0 })).toBe(800);
  expect(backOffMs(3, { ...options, random: () => 0.5 })).toBe(1200);
});
