import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { AddressSet } from "./address-set.ts";

const block = { base: 0xfffff000, prefixLength: 20 };

const acts = fc.array(
  fc.record({
    offsets: fc.array(fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 4095 })), { maxLength: 40 }),
    present: fc.boolean(),
  }),
  { maxLength: 30 },
);

describe("AddressSet", () => {
  it("is what a Set would be after the same acts, and so is every one before it", () => {
    fc.assert(
      fc.property(acts, (sequence) => {
        const model = new Set<number>();
        let set = AddressSet.emptyOf(block);
        const history: [AddressSet, number[]][] = [];
        for (const { offsets, present } of sequence) {
          const addresses = offsets.map((offset) => block.base + offset);
          for (const address of addresses) {
            if (present) model.add(address);
            else model.delete(address);
          }
          set = present ? set.with(addresses) : set.without(addresses);
          history.push([set, [...model].sort((a, b) => a - b)]);
        }
        for (const [version, addresses] of history) {
          expect([...version]).toEqual(addresses);
          expect(version.size).toBe(addresses.length);
        }
        const all = Array.from({ length: 4096 }, (_, i) => block.base + i);
        expect(set.lowestMissing(5)).toEqual(all.filter((it) => !model.has(it)).slice(0, 5));
        expect(all.every((it) => set.has(it) === model.has(it))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("has no more addresses missing than the block has", () => {
    const small = AddressSet.emptyOf({ base: 256, prefixLength: 29 });
    expect(small.lowestMissing(100)).toEqual([256, 257, 258, 259, 260, 261, 262, 263]);
    expect(small.has(255)).toBe(false);
  });
});
