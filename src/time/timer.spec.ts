import { expect, test } from "bun:test";
import { createManualClock } from "./testing/manual-clock.ts";
import { startTimer } from "./timer.ts";

test("calls back once its time has come, and not when it was cancelled", async () => {
  const clock = createManualClock();
  const called: string[] = [];
  startTimer(clock, 10, () => called.push("first"));
  const cancel = startTimer(clock, 10, () => called.push("second"));
  await clock.advance(9);
  expect(called).toEqual([]);
  cancel();
  await clock.advance(20);
  expect(called).toEqual(["first"]);
});
