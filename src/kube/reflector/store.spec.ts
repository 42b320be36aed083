import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Entry, Store } from "./store.ts";

interface Thing {
  readonly name: string;
  readonly node: string;
}

const entry = (
  name: string,
  options: { node?: string; uid?: string; version?: string } = {},
): Entry<Thing> => ({
  key: name,
  uid: options.uid ?? `uid-${name}`,
  resourceVersion: options.version ?? "1",
  object: { name, node: options.node ?? "n1" },
});

const newStore = () => new Store<Thing, "node">({ node: (thing) => [thing.node] });
const byKey = (...entries: Entry<Thing>[]) => new Map(entries.map((each) => [each.key, each]));

describe("Store", () => {
  test("tells additions, changes and deletions, and files by index", () => {
    const store = newStore();
    expect(store.put(entry("a")).map(({ type }) => type)).toEqual(["added"]);
    expect(store.index("node", "n1")).toEqual([{ name: "a", node: "n1" }]);
    expect(store.put(entry("a", { node: "n2", version: "2" }))).toEqual([
      { type: "modified", object: { name: "a", node: "n2" }, previous: { name: "a", node: "n1" } },
    ]);
    expect(store.index("node", "n1")).toEqual([]);
    expect(store.index("node", "n2")).toHaveLength(1);
    expect(store.remove("a").map(({ type }) => type)).toEqual(["deleted"]);
    expect(store.remove("a")).toEqual([]);
    expect(store.index("node", "n2")).toEqual([]);
    expect(store.size).toBe(0);
  });

  test("takes another uid under the same name for another object", () => {
    const store = newStore();
    store.put(entry("a", { uid: "first" }));
    expect(store.put(entry("a", { uid: "second", version: "2" })).map(({ type }) => type)).toEqual([
      "deleted",
      "added",
    ]);
  });

  test("replace() deletes what the list lacks and is silent about what did not change", () => {
    const store = newStore();
    for (const each of [entry("gone"), entry("same"), entry("new-version"), entry("reborn")]) store.put(each);
    const events = store.replace(
      byKey(
        entry("same"),
        entry("new-version", { version: "2" }),
        entry("reborn", { uid: "other" }),
        entry("fresh"),
      ),
    );
    expect(events.map((event) => [event.type, "object" in event && event.object.name])).toEqual([
      ["deleted", "gone"],
      ["modified", "new-version"],
      ["deleted", "reborn"],
      ["added", "reborn"],
      ["added", "fresh"],
    ]);
  });

  test("an index always says what a scan would", () => {
    const anyEntry = fc
      .record({
        name: fc.constantFrom("a", "b", "c"),
        node: fc.constantFrom("n1", "n2"),
        version: fc.string(),
      })
      .map(({ name, ...rest }) => entry(name, rest));
    const step = fc.oneof(
      anyEntry.map((each) => (store: Store<Thing, "node">) => store.put(each)),
      fc.constantFrom("a", "b", "c").map((key) => (store: Store<Thing, "node">) => store.remove(key)),
      fc.array(anyEntry).map((all) => (store: Store<Thing, "node">) => store.replace(byKey(...all))),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const store = newStore();
        for (const take of steps) take(store);
        for (const node of ["n1", "n2"]) {
          const scanned = store.list().filter((thing) => thing.node === node);
          expect(new Set(store.index("node", node))).toEqual(new Set(scanned));
        }
      }),
    );
  });
});
