import { expect, test } from "bun:test";
import { goodPairs, pairToShow, upkeepOf } from "./rotation.ts";
import { makeServingPair, PAIR_LIFE_MS, type ServingPair } from "./serving-pair.ts";

const start = Date.UTC(2026, 0, 1);
const names = ["hook.kube-system.svc"];
const first = await makeServingPair(names, start);
const second = await makeServingPair(names, start + (PAIR_LIFE_MS * 2) / 3);
const DAY_MS = 86_400_000;
const inTime = start + DAY_MS;
const due = start + (PAIR_LIFE_MS * 2) / 3 + DAY_MS;
const over = start + PAIR_LIFE_MS + DAY_MS;

test("a pair is made where there is none, and kept until a third of its life is left", () => {
  const shown = undefined;
  expect(upkeepOf([], { shown, names, now: start })).toBe("make");
  expect(upkeepOf([first], { shown, names, now: inTime })).toBe("keep");
  expect(upkeepOf([first], { shown, names, now: due })).toBe("make");
  expect(upkeepOf([second, first], { shown, names, now: due })).toBe("keep");
});

test("a pair is made where the API server calls by another name, and where the stored one is none", () => {
  const options = { shown: undefined, now: inTime };
  expect(upkeepOf([first], { ...options, names: [...names, "10.0.0.1"] })).toBe("make");
  expect(upkeepOf([first], { ...options, names: [] })).toBe("keep");
  expect(upkeepOf([{ ...first, key: "" }], { ...options, names })).toBe("make");
});

test("what is shown is stored again where the store is gone, unless it is near its end", () => {
  expect(upkeepOf([], { shown: first, names, now: inTime })).toBe("restore");
  expect(upkeepOf([], { shown: first, names, now: due })).toBe("make");
});

test("pairs that have ended, or are none, are not good", () => {
  expect(goodPairs([second, first], due)).toEqual([second, first]);
  expect(goodPairs([second, first], over)).toEqual([second]);
  expect(goodPairs([{ ...second, authority: "" }, first], due)).toEqual([first]);
});

test("the newest pair is shown once its authority is known; until then what was shown, or what is known the longest", () => {
  const show = (shown: ServingPair | undefined, settled: boolean) =>
    pairToShow([second, first], { shown, settled, names });
  expect(show(first, true)).toBe(second);
  expect(show(first, false)).toBe(first);
  expect(show(second, false)).toBe(second);
  expect(show(undefined, false)).toBe(first);
  expect(pairToShow([second], { shown: first, settled: false, names })).toBe(second);
  expect(pairToShow([], { shown: first, settled: true, names })).toBeUndefined();
});

test("a pair that is not for the name that API servers call by has nothing to wait for", async () => {
  const renamed = await makeServingPair(["other.kube-system.svc"], start);
  const options = { shown: first, settled: false, names: ["other.kube-system.svc"] };
  expect(pairToShow([renamed, first], options)).toBe(renamed);
});
