import { expect, it } from "bun:test";
import { canServe } from "./can-serve.ts";
import { emptyPool } from "./pool-state.ts";

const empty = emptyPool({ coolDownMs: 1, instanceId: "ins-1" });

it.each([
  ["a node that waits for its first warm addresses", { room: 9, onDemand: false }, false],
  ["a node that gets addresses when pods need them", { room: 9, onDemand: true }, true],
  ["a node that can get none", { room: 0, onDemand: true }, false],
  ["a node whose pods bring their addresses", { room: 0, onDemand: false, slots: 9 }, true],
  ["such a node that may have no pods", { room: 0, onDemand: true, slots: 0 }, false],
])("canServe() of %s", (_, growth, expected) => {
  expect(canServe({ ...empty, growth })).toBe(expected);
});
