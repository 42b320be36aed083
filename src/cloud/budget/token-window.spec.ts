import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TokenWindow } from "./token-window.ts";

describe("TokenWindow", () => {
  test("has a token back one second after the answer", () => {
    const window = new TokenWindow(1);
    window.take();
    expect(window.hasToken(5000)).toBe(false);
    expect(window.nextChange(5000)).toBe(Number.POSITIVE_INFINITY);
    window.settle(6000);
    expect(window.nextChange(6000)).toBe(7000);
    expect(window.hasToken(6999)).toBe(false);
    expect(window.hasToken(7000)).toBe(true);
  });

  test("has a token back at once that was not used", () => {
    const window = new TokenWindow(1);
    window.take();
    window.putBack();
    expect(window.hasToken(0)).toBe(true);
  });

  test("is cut in half by a throttled call, once for all that were sent before, and grows back by steps", () => {
    const window = new TokenWindow(100);
    window.throttled(900, 1000);
    window.throttled(950, 1010);
    expect(window.size(1010)).toBe(50);
    expect(window.size(1999)).toBe(50);
    expect(window.size(2000)).toBe(55);
    expect(window.nextChange(2000)).toBe(3000);
    window.throttled(2000, 2100);
    expect(window.size(2100)).toBe(27);
    expect(window.wholeAt(2100)).toBe(2100 + 15_000);
    expect(window.size(17_100)).toBe(100);
    expect(window.wholeAt(17_100)).toBeUndefined();
  });

  test("keeps one token however often it is cut", () => {
    const window = new TokenWindow(2);
    for (const at of [0, 10, 20]) window.throttled(at, at);
    expect(window.size(20)).toBe(1);
    expect(window.size(1020)).toBe(2);
  });

  test("lets no second at the server see more calls than it has tokens, whatever the network does", () => {
    const call = fc.record({ gap: fc.nat(400), there: fc.nat(1500), back: fc.nat(1500) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(call, { maxLength: 80 }), (limit, calls) => {
        const seen = receptions(limit, calls).sort((a, b) => a - b);
        return seen.every((at, i) => (seen[i + limit] ?? Number.POSITIVE_INFINITY) >= at + 1000);
      }),
    );
  });
});

/** When the server receives calls that are sent as soon as they are wanted and there is a token. */
function receptions(limit: number, calls: readonly { gap: number; there: number; back: number }[]): number[] {
  const window = new TokenWindow(limit);
  const received: number[] = [];
  let answers: number[] = [];
  let now = 0;
  const pass = (until: number) => {
    for (const at of answers.filter((at) => at <= until).sort((a, b) => a - b)) window.settle(at);
    answers = answers.filter((at) => at > until);
    now = until;
  };
  for (const { gap, there, back } of calls) {
    pass(now + gap);
    while (!window.hasToken(now)) pass(Math.min(window.nextChange(now), ...answers));
    window.take();
    received.push(now + there);
    answers.push(now + there + back);
  }
  return received;
}
