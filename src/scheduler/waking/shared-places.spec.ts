import { expect, it } from "bun:test";
import { NodeNumbers } from "../decide/node-numbers.ts";
import { SharedPlaces } from "./shared-places.ts";

it("has one list for the same nodes in any order, and another for others", () => {
  const numbers = new NodeNumbers();
  for (const name of ["a", "b", "c"]) numbers.of(name);
  const shared = new SharedPlaces(numbers);
  const list = shared.of(["c", "new", "a", "newer"]);
  expect(list.toSorted()).toEqual(["a", "c", "new", "newer"]);
  expect(shared.of(["a", "b"])).toEqual(["a", "b"]);
  expect(shared.of(["newer", "a", "new", "c"])).toBe(list);
});

it("does not take a node for a former one that had its number", () => {
  const numbers = new NodeNumbers();
  for (const name of ["a", "b"]) numbers.of(name);
  const shared = new SharedPlaces(numbers);
  expect(shared.of(["a", "b"])).toEqual(["a", "b"]);
  numbers.leave("b");
  numbers.of("c");
  expect(shared.of(["c", "a"])).toEqual(["a", "c"]);
});
