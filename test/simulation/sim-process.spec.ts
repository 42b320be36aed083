import { expect, test } from "bun:test";
import { createVirtualClock } from "../../src/time/testing/virtual-clock.ts";
import { SimProcess } from "./sim-process.ts";

function ticking() {
  const clock = createVirtualClock();
  const process = new SimProcess("p", clock);
  const ticks: number[] = [];
  void (async () => {
    for (;;) {
      await process.clock.sleep(10);
      ticks.push(process.clock.monotonic());
    }
  })();
  return { clock, process, ticks };
}

test("a frozen process sees nothing until it goes on, and then that time has passed", () => {
  const { clock, process, ticks } = ticking();
  clock.run(25);
  process.freeze();
  clock.run(95);
  expect(ticks).toEqual([10, 20]);
  process.resume();
  clock.run(110);
  expect(ticks).toEqual([10, 20, 95, 105]);
});

test("a process that has ended sees nothing any more", () => {
  const { clock, process, ticks } = ticking();
  let ended = 0;
  process.onEnd(() => ended++);
  clock.run(25);
  process.freeze();
  clock.run(45);
  process.end();
  process.resume();
  process.end();
  clock.run(200);
  expect([ticks, ended]).toEqual([[10, 20], 1]);
});

test("what reaches it at once when it goes on can freeze it again", () => {
  const clock = createVirtualClock();
  const process = new SimProcess("p", clock);
  const seen: string[] = [];
  process.freeze();
  process.deliver(() => {
    seen.push("a");
    process.freeze();
  });
  process.deliver(() => seen.push("b"));
  process.resume();
  clock.run(10);
  expect(seen).toEqual(["a"]);
  process.resume();
  clock.run(20);
  expect(seen).toEqual(["a", "b"]);
});
