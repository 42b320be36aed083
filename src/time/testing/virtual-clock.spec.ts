import { expect, test } from "bun:test";
import { createVirtualClock } from "./virtual-clock.ts";

test("time jumps to what waits next; equal times go in the order of their making", () => {
  const clock = createVirtualClock();
  const seen: string[] = [];
  for (const [ms, name] of [
    [30, "c"],
    [10, "a"],
    [10, "b"],
    [1_000_000, "never"],
  ] as const) {
    void clock.sleep(ms).then(() => seen.push(`${name} ${clock.monotonic()}`));
  }
  clock.run(100);
  expect(seen).toEqual(["a 10", "b 10", "c 30"]);
  expect(clock.monotonic()).toBe(100);
});

test("all that something leads to at once is done before time goes on", () => {
  const clock = createVirtualClock();
  const seen: number[] = [];
  async function twice(): Promise<void> {
    await clock.sleep(10);
    await null;
    seen.push(clock.monotonic());
    await clock.sleep(0);
    seen.push(clock.monotonic());
  }
  void twice();
  void clock.sleep(11).then(() => seen.push(clock.monotonic()));
  clock.run(100);
  expect(seen).toEqual([10, 10, 11]);
});

test("a sleep that is aborted ends at once, and its time passes by", () => {
  const clock = createVirtualClock();
  const giveUp = new AbortController();
  let woken = Number.NaN;
  void clock.sleep(1000, giveUp.signal).then(() => {
    woken = clock.monotonic();
  });
  clock.after(5, () => giveUp.abort());
  let steps = 0;
  clock.run(2000, () => {
    steps++;
    return true;
  });
  expect([woken, steps]).toEqual([5, 1]);
});

test("many timers, most of them cancelled, come in order", () => {
  const clock = createVirtualClock();
  const seen: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const time = (i * 7919) % 20_011;
    const cancel = clock.after(time, () => seen.push(time));
    if (i % 10 !== 0) cancel();
  }
  clock.run(30_000);
  expect(seen.length).toBe(2_000);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

test("a run ends when its observer says so", () => {
  const clock = createVirtualClock();
  let count = 0;
  const tick = () => {
    count++;
    clock.after(1, tick);
  };
  tick();
  clock.run(100, () => count < 10);
  expect([count, clock.monotonic()]).toEqual([10, 9]);
});
