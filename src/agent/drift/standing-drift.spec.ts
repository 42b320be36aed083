import { expect, it } from "bun:test";
import { type FoundDrift, StandingDrift } from "./standing-drift.ts";

const twice: FoundDrift = { key: "a", kind: "pod-link-twice", outcome: "quarantined", message: "m" };

it("tells what is new, once while it lasts, and again when it comes back", () => {
  const standing = new StandingDrift();
  expect(standing.take([twice])).toEqual([twice]);
  expect(standing.take([twice])).toEqual([]);
  expect(standing.counts()).toEqual(new Map([["pod-link-twice", 1]]));
  expect(standing.take([{ ...twice, outcome: "failed" }])).toHaveLength(1);
  expect(standing.take([])).toEqual([]);
  expect(standing.counts().size).toBe(0);
  expect(standing.take([twice])).toEqual([twice]);
});
