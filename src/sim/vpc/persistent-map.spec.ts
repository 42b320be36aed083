import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { PersistentMap } from "./persistent-map.ts";

const acts = fc.array(fc.record({ key: fc.nat({ max: 120 }), value: fc.nat(), remove: fc.boolean() }), {
  maxLength: 300,
});

describe("PersistentMap", () => {
  it("is what a Map would be after the same acts, in the same order, and so is every one before it", () => {
    fc.assert(
      fc.property(acts, (sequence) => {
        const model = new Map<string, number>();
        let map = PersistentMap.of<string, number>();
        const history: [PersistentMap<string, number>, [string, number][]][] = [];
        for (const { key, value, remove } of sequence) {
          const name = `key-${key}`;
          if (remove) model.delete(name);
          else model.set(name, value);
          map = remove ? map.without(name) : map.with(name, value);
          history.push([map, [...model]]);
        }
        for (const [version, entries] of history) {
          expect([...version]).toEqual(entries);
          expect(version.size).toBe(entries.length);
          for (const [key, value] of entries) expect(version.get(key)).toBe(value);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("keeps many keys apart, whose hashes meet", () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `eni-${i.toString(36)}`);
    const map = PersistentMap.of(keys.map((key, i) => [key, i]));
    expect(map.size).toBe(keys.length);
    expect(keys.every((key, i) => map.get(key) === i)).toBe(true);
    const half = keys.filter((_, i) => i % 2 === 0).reduce((it, key) => it.without(key), map);
    expect([...half.keys()]).toEqual(keys.filter((_, i) => i % 2 === 1));
    expect([half.has("eni-0"), half.has("eni-1"), half.has("eni-")]).toEqual([false, true, false]);
  });

  it("is walked by keys, values and forEach alike", () => {
    const map = PersistentMap.of<string, number>([
      ["b", 1],
      ["a", 2],
    ]);
    const seen: [string, number][] = [];
    map.forEach((value, key) => {
      seen.push([key, value]);
    });
    expect(seen).toEqual([...map]);
    expect([[...map.keys()], [...map.values()]]).toEqual([
      ["b", "a"],
      [1, 2],
    ]);
    expect(map.without("c")).toBe(map);
  });
});
