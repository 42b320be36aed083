import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { Alarm } from "./alarm.ts";

describe("Alarm", () => {
  test("rings once, at the earliest time", async () => {
    const clock = createManualClock();
    const rings: number[] = [];
    const alarm = new Alarm(clock, () => rings.push(clock.monotonic()));
    for (const at of [300, 100, 200, Number.POSITIVE_INFINITY]) alarm.set(at);
    await clock.advance(1000);
    expect(rings).toEqual([100]);
    alarm.set(500);
    await clock.advance(1);
    expect(rings).toEqual([100, 1000]);
  });

  test("does not ring once it is cancelled", async () => {
    const clock = createManualClock();
    let rings = 0;
    const alarm = new Alarm(clock, () => rings++);
    alarm.set(100);
    alarm.cancel();
    await clock.advance(1000);
    expect(rings).toBe(0);
  });
});
