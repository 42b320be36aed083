import { expect, test } from "bun:test";
import { LOST_CREATE_MS, takeEmptyReading } from "./lost-creation.ts";

test("an intent is dropped only by two empty readings for its nonce, far enough apart", () => {
  const first = takeEmptyReading(undefined, "a", 100);
  expect(first.dropIntent).toBe(false);
  expect(takeEmptyReading(first.readings, "a", 99 + LOST_CREATE_MS).dropIntent).toBe(false);
  expect(takeEmptyReading(first.readings, "a", 100 + LOST_CREATE_MS).dropIntent).toBe(true);
  expect(takeEmptyReading(first.readings, "b", 100 + LOST_CREATE_MS).dropIntent).toBe(false);
});
