import { expect, it } from "bun:test";
import { Rush } from "./rush.ts";

/** A rush under a clock that sleeping moves; `eachSleep` is what happens meanwhile. */
function under(eachSleep: (rush: Rush) => void = () => {}) {
  const clock = {
    time: 1_000,
    monotonic: () => clock.time,
    sleep: async (ms: number) => {
      clock.time += ms;
      eachSleep(rush);
    },
  };
  const rush: Rush = new Rush(clock);
  return { clock, rush };
}

const { signal } = new AbortController();

it("lasts for a moment after each pod", () => {
  const { clock, rush } = under();
  expect(rush.restMs()).toBe(0);
  rush.note();
  expect(rush.restMs()).toBe(30);
  clock.time += 10;
  expect(rush.restMs()).toBe(20);
  rush.note();
  clock.time += 29;
  expect(rush.restMs()).toBe(1);
  clock.time += 1;
  expect(rush.restMs()).toBe(0);
});

it("is outlasted at once where there is none, and after its end where there is one", async () => {
  const { clock, rush } = under();
  await rush.outlast(400, signal);
  expect(clock.time).toBe(1_000);
  rush.note();
  await rush.outlast(400, signal);
  expect(clock.time).toBe(1_030);
});

it("is waited for no longer than that, and not by whoever ends", async () => {
  const { clock, rush } = under((it) => it.note());
  rush.note();
  await rush.outlast(400, signal);
  expect(clock.time).toBe(1_400);
  await rush.outlast(400, AbortSignal.abort());
  expect(clock.time).toBe(1_400);
});
