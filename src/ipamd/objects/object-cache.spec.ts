import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../api/kube-object.ts";
import { NodeObjectCache, ObjectCache } from "./object-cache.ts";

type Thing = KubeObject<{ n: number }, never>;

function thing(n: number, resourceVersion: string, uid = "u1"): Thing {
  return { apiVersion: "v1", kind: "Thing", metadata: { name: "a", uid, resourceVersion }, spec: { n } };
}

function setUp() {
  const seen = new Map<string, Thing>();
  const cache = new ObjectCache<Thing>({
    store: { get: (name) => seen.get(name), list: () => [...seen.values()] },
  });
  return { seen, cache };
}

describe("ObjectCache", () => {
  test("shows our own write until the watch has caught up", () => {
    const { seen, cache } = setUp();
    seen.set("a", thing(1, "9"));
    cache.wrote(thing(2, "10"));
    expect(cache.get("a")?.spec.n).toBe(2);
    expect(cache.list().map((t) => t.spec.n)).toEqual([2]);
    seen.set("a", thing(3, "11"));
    expect(cache.get("a")?.spec.n).toBe(3);
  });

  test("shows an object that we made before the watch brings it", () => {
    const { cache } = setUp();
    cache.wrote(thing(1, "5"));
    expect(cache.list()).toHaveLength(1);
  });

  test("hides what we deleted, and only that very object", () => {
    const { seen, cache } = setUp();
    seen.set("a", thing(1, "9"));
    cache.removed(thing(1, "9"));
    expect(cache.get("a")).toBeUndefined();
    expect(cache.list()).toEqual([]);
    seen.set("a", thing(2, "12", "u2"));
    expect(cache.get("a")?.spec.n).toBe(2);
  });

  test("shows an object that we deleted and that is back under its old UID, as after a backup was restored", () => {
    const { seen, cache } = setUp();
    seen.set("a", thing(1, "9"));
    cache.removed(thing(1, "9"));
    cache.sawList();
    expect(cache.get("a")?.spec.n).toBe(1);
    cache.removed(thing(1, "9"));
    cache.sawDeletion(thing(1, "9"));
    expect(cache.get("a")?.spec.n).toBe(1);
  });

  test("drops a written copy once the watch has seen it go", () => {
    const { cache } = setUp();
    cache.wrote(thing(1, "5"));
    cache.sawDeletion(thing(1, "5", "another"));
    expect(cache.get("a")).toBeDefined();
    cache.sawDeletion(thing(1, "5"));
    expect(cache.get("a")).toBeUndefined();
  });
});

test("NodeObjectCache.of() has what is a node's by our own last write, whatever the watch still shows", () => {
  type Owned = KubeObject<{ node: string }, never>;
  const owned = (name: string, node: string, resourceVersion: string): Owned => ({
    apiVersion: "v1",
    kind: "Owned",
    metadata: { name, uid: name, resourceVersion },
    spec: { node },
  });
  const seen = [owned("a", "node-1", "1"), owned("b", "node-2", "2")];
  const cache = new NodeObjectCache<Owned>({
    store: {
      get: (name) => seen.find((object) => object.metadata.name === name),
      list: () => seen,
      index: (_, node) => seen.filter((object) => object.spec.node === node),
    },
  });
  cache.wrote(owned("a", "node-2", "3"));
  cache.wrote(owned("c", "node-1", "4"));
  expect(cache.of("node-1").map((object) => object.metadata.name)).toEqual(["c"]);
  expect(cache.of("node-2").map((object) => object.metadata.name)).toEqual(["b", "a"]);
});
