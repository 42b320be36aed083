import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { DueQueue } from "./due-queue.ts";

describe("DueQueue", () => {
  it("gives what it was given, earliest first, and what is due together in the order it came", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), (times) => {
        let queue = times.reduce((it, due, i) => it.with(due, `${i}`), DueQueue.empty);
        const whole = queue;
        const seen: [number, number][] = [];
        for (let { first } = queue; first !== undefined; { first } = queue) {
          seen.push([first.due, Number(first.key)]);
          queue = queue.withoutFirst();
        }
        const expected = times.map((due, i): [number, number] => [due, i]);
        expect(seen).toEqual(expected.sort(([a, i], [b, j]) => a - b || i - j));
        expect(whole.first?.due).toBe(seen[0]?.[0]);
      }),
    );
  });
});
