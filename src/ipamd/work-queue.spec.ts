import { describe, expect, test } from "bun:test";
import { systemWaitingClock } from "../time/waiting-clock.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";

function queue(work: (key: string) => Promise<WorkResult>, concurrency = 2) {
  const failures: string[] = [];
  const it = new WorkQueue({
    work,
    failed: (key) => failures.push(key),
    concurrency,
    minBackOffMs: 10,
    maxBackOffMs: 40,
    random: () => 1,
    clock: systemWaitingClock,
  });
  return { it, failures };
}

describe("WorkQueue", () => {
  test("runs one piece a key at a time, and once more for triggers that came meanwhile", async () => {
    let running = 0;
    let runs = 0;
    const gates: (() => void)[] = [];
    const { it } = queue(async () => {
      expect(++running).toBe(1);
      runs++;
      await new Promise<void>((resolve) => gates.push(resolve));
      running--;
      return {};
    });
    it.trigger("a");
    it.trigger("a");
    it.trigger("a");
    await Bun.sleep(1);
    gates.shift()?.();
    await Bun.sleep(1);
    gates.shift()?.();
    await Bun.sleep(1);
    expect(runs).toBe(2);
    expect(gates).toEqual([]);
    await it.stop();
  });

  test("holds its concurrency, in the order of the triggers", async () => {
    const started: string[] = [];
    const gates = new Map<string, () => void>();
    const { it } = queue(async (key) => {
      started.push(key);
      await new Promise<void>((resolve) => gates.set(key, resolve));
      return {};
    });
    for (const key of ["a", "b", "c", "d"]) it.trigger(key);
    await Bun.sleep(1);
    expect(started).toEqual(["a", "b"]);
    gates.get("b")?.();
    await Bun.sleep(1);
    expect(started).toEqual(["a", "b", "c"]);
    for (const gate of gates.values()) gate();
    await Bun.sleep(1);
    gates.get("d")?.();
    await it.stop();
  });

  test("repeats failed work after a growing pause, which triggers do not shorten", async () => {
    const times: number[] = [];
    const { it, failures } = queue(async () => {
      times.push(performance.now());
      if (times.length < 3) throw new Error("no");
      return {};
    });
    it.trigger("a");
    await Bun.sleep(1);
    it.trigger("a");
    while (times.length < 3) await Bun.sleep(1);
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(9);
    expect(third - second).toBeGreaterThanOrEqual(19);
    expect(failures).toEqual(["a", "a"]);
    await it.stop();
  });

  test("does work again when it asked for it", async () => {
    let runs = 0;
    const { it } = queue(async () => (++runs === 1 ? { againInMs: 5 } : {}));
    it.trigger("a");
    while (runs < 2) await Bun.sleep(1);
    await it.stop();
    it.trigger("a");
    await Bun.sleep(2);
    expect(runs).toBe(2);
  });
});
