import { expect, test } from "bun:test";
import { systemWaitingClock } from "./waiting-clock.ts";

test("a sleep of more than 25 days is not over at once, and ends when it is aborted", async () => {
  const stopped = new AbortController();
  let isOver = false;
  const sleeping = systemWaitingClock.sleep(30 * 86_400_000, stopped.signal).then(() => (isOver = true));
  await systemWaitingClock.sleep(30);
  expect(isOver).toBe(false);
  stopped.abort();
  await sleeping;
  expect(isOver).toBe(true);
});
