import { describe, expect, test } from "bun:test";
import { LOST_CREATE_MS, takeEmptyReading } from "./lost-creation.ts";

describe("takeEmptyReading", () => {
  test("an intent is dropped only by two empty readings for its nonce, far enough apart", () => {
    const first = takeEmptyReading(undefined, "a", 100);
    expect(first.dropIntent).toBe(false);
    expect(takeEmptyReading(first.search, "a", 99 + LOST_CREATE_MS).dropIntent).toBe(false);
    expect(takeEmptyReading(first.search, "a", 100 + LOST_CREATE_MS).dropIntent).toBe(true);
    expect(takeEmptyReading(first.search, "b", 100 + LOST_CREATE_MS).dropIntent).toBe(false);
  });

  test("a few readings settle it, the last as soon as it proves something", () => {
    const began: number[] = [];
    for (let step = takeEmptyReading(undefined, "a", 0); ; ) {
      began.push(step.search.nextAt);
      step = takeEmptyReading(step.search, "a", step.search.nextAt);
      if (step.dropIntent) break;
    }
    expect(began).toEqual([1000, 3000, 7000, 15_000, 30_000]);
  });
});
