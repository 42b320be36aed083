import { beforeEach, expect, it } from "bun:test";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import { giveBackMemory } from "./give-back-memory.ts";
import { Rush } from "./rush.ts";

let clock: ManualClock;
let rush: Rush;
let collected: number;
let end: () => void;

beforeEach(() => {
  clock = createManualClock();
  rush = new Rush(clock);
  collected = 0;
  end = giveBackMemory({ rush, clock }, () => {
    collected++;
  });
});

it("collects once, ten seconds after the last pod, and again after the next ones", async () => {
  await clock.advance(60_000);
  expect(collected).toBe(0);
  rush.note();
  await clock.advance(9_000);
  rush.note();
  await clock.advance(9_999);
  expect(collected).toBe(0);
  await clock.advance(1);
  expect(collected).toBe(1);
  await clock.advance(600_000);
  expect(collected).toBe(1);
  rush.note();
  await clock.advance(10_000);
  expect(collected).toBe(2);
});

it("does nothing after its end", async () => {
  rush.note();
  end();
  rush.note();
  await clock.advance(60_000);
  expect(collected).toBe(0);
});
