import { describe, expect, test } from "bun:test";
import { internalError, noAnswer, quota, throttled } from "../testing/cloud-errors.ts";
import { Breaker } from "./breaker.ts";
import type { Outcome } from "./outcome.ts";

const failing: Outcome = { kind: "failing", error: noAnswer };

/** A breaker that shut at 10 s, after calls sent from 8 s on. */
function shutBreaker(random = 1): Breaker {
  const breaker = new Breaker(() => random);
  for (const now of [8000, 8500, 9000, 9500, 10_000]) {
    breaker.settle(failing, { sentAt: now, now, probe: false });
  }
  return breaker;
}

/** Sends the probe that is due, and lets it end. */
function probe(breaker: Breaker, outcome: Outcome, now: number): void {
  expect(breaker.admits(now)).toBe(true);
  expect(breaker.admit()).toBe(true);
  expect(breaker.admits(now)).toBe(false);
  breaker.settle(outcome, { sentAt: now, now, probe: true });
}

describe("Breaker", () => {
  test("shuts after five calls in a row that failed over two seconds", () => {
    const breaker = new Breaker(() => 1);
    for (const now of [0, 100, 200, 300, 400, 1900]) {
      breaker.settle(failing, { sentAt: now, now, probe: false });
      expect(breaker.isShut()).toBe(false);
      expect(breaker.admit()).toBe(false);
    }
    breaker.settle({ kind: "failing", error: internalError }, { sentAt: 2000, now: 2000, probe: false });
    expect(breaker.isShut()).toBe(true);
    expect(breaker.cause()).toBe(internalError);
  });

  test("shuts when five calls sent at once run into their timeouts", () => {
    const breaker = new Breaker(() => 1);
    for (let i = 0; i < 5; i++) breaker.settle(failing, { sentAt: 0, now: 10_000, probe: false });
    expect(breaker.isShut()).toBe(true);
  });

  test.each([
    ["success", { kind: "success" }],
    ["a refusal", { kind: "refused", error: quota }],
    ["throttling", { kind: "throttled", error: throttled }],
  ] as const)("counts anew after %s", (_, outcome) => {
    const breaker = new Breaker(() => 1);
    for (let i = 0; i < 4; i++) breaker.settle(failing, { sentAt: 0, now: 9000, probe: false });
    breaker.settle(outcome, { sentAt: 0, now: 9500, probe: false });
    for (let i = 0; i < 5; i++) breaker.settle(failing, { sentAt: 0, now: 10_000, probe: false });
    expect(breaker.isShut()).toBe(false);
  });

  test("lets one probe through after a back-off that doubles up to half a minute", () => {
    const breaker = shutBreaker();
    let now = 10_000;
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      expect(breaker.probeAt()).toBe(now + wait);
      expect(breaker.admits(now + wait - 1)).toBe(false);
      now += wait;
      probe(breaker, failing, now);
    }
  });

  test("halves the back-off at random", () => {
    expect(shutBreaker(0).probeAt()).toBe(10_500);
  });

  test("is not kept shut longer by calls that were sent before", () => {
    const breaker = shutBreaker();
    breaker.settle(failing, { sentAt: 0, now: 10_900, probe: false });
    expect(breaker.probeAt()).toBe(11_000);
  });

  test("opens with the first answer, whatever it is", () => {
    const breaker = shutBreaker();
    probe(breaker, { kind: "refused", error: quota }, 11_000);
    expect(breaker.isShut()).toBe(false);
    expect(breaker.admits(11_000)).toBe(true);
  });

  test("has a probe due again that was not sent", () => {
    const breaker = shutBreaker();
    expect(breaker.admits(11_000)).toBe(true);
    breaker.admit();
    breaker.probeUnused();
    probe(breaker, { kind: "unsent" }, 11_000);
    probe(breaker, { kind: "success" }, 11_000);
    expect(breaker.isShut()).toBe(false);
  });
});
