import { expect, it } from "bun:test";
import { madePod } from "../testing/made-world.ts";
import { NodeNumbers } from "./node-numbers.ts";
import { Places } from "./places.ts";
import { Reservations } from "./reservations.ts";

const FIT = { subnetId: "subnet-a", hasEni: true, takes: 1 } as const;

it("gives a number to another node only once the former one is gone and nobody was let pass for it", () => {
  const numbers = new NodeNumbers();
  const reservations = new Reservations(numbers);
  const { uid } = madePod("a");
  expect([numbers.of("n1"), numbers.of("n2")]).toEqual([0, 1]);
  reservations.reserve(uid, { places: Places.of(numbers, [["n1", FIT]]), now: 0 });
  numbers.leave("n1");
  expect(numbers.of("n3")).toBe(2);
  reservations.end(uid);
  expect(numbers.of("n4")).toBe(0);
  expect([numbers.nameOf(0), numbers.find("n1"), numbers.size]).toEqual(["n4", undefined, 3]);
});

it("gives a node that comes back its number again", () => {
  const numbers = new NodeNumbers();
  numbers.of("n1");
  numbers.leave("n1");
  expect([numbers.of("n1"), numbers.of("n2")]).toEqual([0, 1]);
});
