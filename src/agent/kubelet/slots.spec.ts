import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { grown, shrunk, slotId } from "./slots.ts";

const slots = (...numbers: number[]) => new Set(numbers.map(slotId));
const someSlots = fc.uniqueArray(fc.nat(30), { maxLength: 20 }).map((numbers) => slots(...numbers));

describe("slotId()", () => {
  it("sorts as its number does", () => {
    expect([slotId(0), slotId(42), slotId(999)]).toEqual(["eni-ip-000", "eni-ip-042", "eni-ip-999"]);
  });
});

describe("grown()", () => {
  it("fills the lowest gaps first", () => {
    expect([...grown(slots(0, 3), 4)].toSorted()).toEqual([...slots(0, 1, 2, 3)]);
  });

  it("keeps what there was, and never has fewer than asked for", () => {
    fc.assert(
      fc.property(someSlots, fc.nat(40), (before, count) => {
        const after = grown(before, count);
        expect(before.isSubsetOf(after)).toBe(true);
        expect(after.size).toBe(Math.max(before.size, count));
      }),
    );
  });
});

describe("shrunk()", () => {
  it("takes the highest that nobody holds", () => {
    expect([...shrunk(slots(0, 1, 2, 3), { count: 2, held: slots(3) })]).toEqual([...slots(0, 3)]);
  });

  it("keeps what is held, adds nothing, and gets as low as it may", () => {
    fc.assert(
      fc.property(someSlots, someSlots, fc.nat(40), (before, held, count) => {
        const after = shrunk(before, { count, held });
        const kept = before.intersection(held);
        expect(kept.isSubsetOf(after)).toBe(true);
        expect(after.isSubsetOf(before)).toBe(true);
        expect(after.size).toBe(Math.min(before.size, Math.max(count, kept.size)));
      }),
    );
  });
});
