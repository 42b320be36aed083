import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KubeError } from "../kube-error.ts";
import type { KubeObject } from "../kube-object.ts";
import { Store, type StoreEvent } from "./store.ts";
import { WatchCore, type WatchEnd, WatchProtocolError, type WatchStart } from "./watch-core.ts";

type Told = StoreEvent<string>;

let store: Store<string>;
let core: WatchCore<KubeObject, string, never>;
let told: Told[];

beforeEach(() => {
  store = new Store<string>({});
  core = new WatchCore(store, {
    transform: (object) => `${object.metadata.name}@${object.metadata.resourceVersion}`,
    what: "watch of things",
    random: () => 1,
  });
  told = [];
});

const line = (type: string, name: string, version: number, uid = `uid-${name}`) =>
  JSON.stringify({ type, object: { metadata: { name, uid, resourceVersion: String(version) } } });
const bookmark = (version: number) =>
  JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(version) } } });
const endOfList = (version: number) =>
  JSON.stringify({
    type: "BOOKMARK",
    object: {
      metadata: { resourceVersion: String(version), annotations: { "k8s.io/initial-events-end": "true" } },
    },
  });
const errorLine = (code: number, reason: string, details?: object) =>
  JSON.stringify({ type: "ERROR", object: { kind: "Status", code, reason, message: "no", details } });

function take(lines: readonly string[], now = 0): void {
  core.take(lines, { now, tell: (event) => told.push(event) });
}

function list(version: number, ...names: string[]): void {
  core.begin();
  take([...names.map((name) => line("ADDED", name, version)), endOfList(version)]);
}

describe("the first list", () => {
  test("shows nothing before its closing bookmark, then everything at once", () => {
    expect(core.begin()).toEqual({ from: "everything" });
    take([line("ADDED", "a", 1), line("ADDED", "b", 2), bookmark(2)]);
    expect([store.size, core.hasSynced, told]).toEqual([0, false, []]);
    take([endOfList(3)]);
    expect(store.list()).toEqual(["a@1", "b@2"]);
    expect(told.map(({ type }) => type)).toEqual(["added", "added", "synced"]);
    expect(core.hasSynced).toBe(true);
  });

  test("heeds changes that come before it is complete", () => {
    core.begin();
    take([
      line("ADDED", "a", 1),
      line("ADDED", "b", 2),
      line("DELETED", "a", 3),
      line("MODIFIED", "b", 4),
      endOfList(4),
    ]);
    expect(store.list()).toEqual(["b@4"]);
  });

  test("of no object at all is a list too", () => {
    list(7);
    expect([core.hasSynced, store.size]).toEqual([true, 0]);
    expect(core.begin()).toEqual({ from: "version", version: "7" });
  });
});

describe("a list that breaks off", () => {
  test("is forgotten, and begun again from nothing", () => {
    core.begin();
    take([line("ADDED", "a", 1)]);
    core.end({ by: "server" }, { lastedMs: 1 });
    expect(core.begin()).toEqual({ from: "everything" });
    take([line("ADDED", "b", 2), endOfList(2)]);
    expect(store.list()).toEqual(["b@2"]);
  });

  test("deletes nothing from the view before it", () => {
    list(5, "a", "b");
    core.end(
      { by: "error", error: new KubeError("gone", { status: 410, reason: "Expired" }) },
      { lastedMs: 1 },
    );
    told = [];
    core.begin();
    take([line("ADDED", "a", 9)]);
    core.end({ by: "silence" }, { lastedMs: 1 });
    expect([store.list(), told]).toEqual([["a@5", "b@5"], []]);
  });
});

describe("changes", () => {
  test("go to the store, and move the version to resume at", () => {
    list(5, "a");
    told = [];
    take([line("ADDED", "b", 6), line("MODIFIED", "a", 7), line("DELETED", "b", 8)]);
    expect(told).toEqual([
      { type: "added", object: "b@6" },
      { type: "modified", object: "a@7", previous: "a@5" },
      { type: "deleted", object: "b@6" },
    ]);
    expect(core.begin()).toEqual({ from: "version", version: "8" });
    take([bookmark(20)]);
    expect(core.begin()).toEqual({ from: "version", version: "20" });
  });
});

describe("the end of a watch", () => {
  const expired = new KubeError("x", { status: 410, reason: "Expired" });
  const table: [string, WatchEnd, "version" | "everything"][] = [
    ["closed by the server", { by: "server" }, "version"],
    ["silent", { by: "silence" }, "everything"],
    [
      "connection lost",
      { by: "error", error: new KubeError("x", { status: 0, reason: "Unreachable" }) },
      "version",
    ],
    [
      "busy",
      { by: "error", error: new KubeError("x", { status: 429, reason: "TooManyRequests" }) },
      "version",
    ],
    ["starting", { by: "error", error: new KubeError("x", { status: 503, reason: "" }) }, "version"],
    ["compacted", { by: "error", error: expired }, "everything"],
    [
      "forbidden",
      { by: "error", error: new KubeError("x", { status: 403, reason: "Forbidden" }) },
      "everything",
    ],
    ["gibberish", { by: "error", error: new WatchProtocolError("x") }, "everything"],
  ];
  test.each(table)("%s", (_name, end, from) => {
    list(5, "a");
    core.end(end, { lastedMs: 60_000 });
    expect(core.begin().from).toBe(from);
    expect(store.list()).toEqual(["a@5"]);
  });

  test("waits longer with every failure in a row, and not at all after a long watch that the server closed", () => {
    list(5, "a");
    const end = (lastedMs: number) => core.end({ by: "server" }, { lastedMs });
    expect([end(1), end(1), end(1)]).toEqual([200, 400, 800]);
    expect(end(60_000)).toBe(0);
    expect(end(1)).toBe(200);
  });

  test("waits at least as long as the server asks for", () => {
    const error = new KubeError("x", { status: 429, reason: "TooManyRequests", retryAfterMs: 3000 });
    expect(core.end({ by: "error", error }, { lastedMs: 1 })).toBe(3000);
  });
});

describe("what makes no sense", () => {
  test.each([
    ["no JSON", "{"],
    ["no event", "null"],
    ["no object", '{"type":"ADDED"}'],
    ["an object without uid", '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}'],
    ["an unknown type", '{"type":"PATCHED","object":{"metadata":{}}}'],
    ["a bookmark without version", '{"type":"BOOKMARK","object":{"metadata":{}}}'],
  ])("%s", (_name, text) => {
    list(5, "a");
    expect(() => take([text])).toThrow(WatchProtocolError);
    expect(store.list()).toEqual(["a@5"]);
  });

  test("an ERROR event is the error that it carries, and what came before it counts", () => {
    list(5, "a");
    expect(() => take([line("ADDED", "b", 6), errorLine(410, "Expired")])).toThrow("410 Expired");
    expect(store.list()).toEqual(["a@5", "b@6"]);
  });
});

describe("age()", () => {
  test("counts from the last bytes that speak of the view that readers see", () => {
    expect(core.age(0)).toBe(Number.POSITIVE_INFINITY);
    core.begin();
    take([line("ADDED", "a", 1)], 100);
    expect(core.age(100)).toBe(Number.POSITIVE_INFINITY);
    take([endOfList(1)], 200);
    expect(core.age(250)).toBe(50);
    take([], 300);
    expect(core.age(300)).toBe(0);
    core.end({ by: "error", error: new WatchProtocolError("x") }, { lastedMs: 1 });
    core.begin();
    take([line("ADDED", "a", 9)], 900);
    expect(core.age(900)).toBe(600);
  });
});

test("whatever breaks whenever, the view is always one that the server had, in order", () => {
  // A server whose state changes with every version; a client that is cut off at arbitrary places.
  const change = fc.record({ name: fc.constantFrom("a", "b", "c"), remove: fc.boolean() });
  const cut = fc.record({ after: fc.nat({ max: 6 }), expired: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(cut, { maxLength: 10 }), (changes, cuts) => {
      const history = historyOf(changes);
      const view = new Store<string>({});
      const watch = new WatchCore<KubeObject, string, never>(view, {
        transform: (object) => `${object.metadata.name}@${object.metadata.resourceVersion}`,
        what: "",
        random: () => 0,
      });
      const replayed = new Set<string>();
      let lastSeen = -1;
      for (const { after, expired } of [...cuts, { after: Number.POSITIVE_INFINITY, expired: false }]) {
        for (const text of history.streamFrom(watch.begin(), lastSeen).slice(0, after)) {
          watch.take([text], { now: 0, tell: (event) => replay(replayed, event) });
          if (!watch.hasSynced) continue;
          const seen = history.indexOf(view.list(), lastSeen);
          expect(seen).toBeGreaterThanOrEqual(0);
          lastSeen = Math.max(seen, lastSeen);
          expect(replayed).toEqual(new Set(view.list()));
        }
        const error = new KubeError("", expired ? { status: 410, reason: "" } : { status: 0, reason: "" });
        watch.end({ by: "error", error }, { lastedMs: 0 });
      }
      expect(new Set(view.list())).toEqual(history.last);
    }),
  );
});

/** What a subscriber knows from events alone. */
function replay(known: Set<string>, event: Told): void {
  if (event.type === "deleted") expect(known.delete(event.object)).toBe(true);
  if (event.type === "modified") expect(known.delete(event.previous)).toBe(true);
  if (event.type === "added" || event.type === "modified") known.add(event.object);
}

function historyOf(changes: readonly { name: string; remove: boolean }[]) {
  const states: Map<string, { version: number; uid: string }>[] = [new Map()];
  const lines: string[] = [];
  changes.forEach(({ name, remove }, at) => {
    const version = at + 1;
    const state = new Map(states.at(-1));
    const old = state.get(name);
    if (remove) state.delete(name);
    else state.set(name, { version, uid: old?.uid ?? `${name}-${version}` });
    states.push(state);
    const uid = state.get(name)?.uid ?? old?.uid;
    lines.push(
      remove && !old
        ? bookmark(version)
        : line(remove ? "DELETED" : old ? "MODIFIED" : "ADDED", name, version, uid),
    );
  });
  const shown = states.map((state) => new Set([...state].map(([name, { version }]) => `${name}@${version}`)));
  return {
    last: shown.at(-1) ?? new Set<string>(),
    /** The moment at which the server's state was this, not before `from`. */
    indexOf: (view: readonly string[], from: number) =>
      shown.findIndex((state, at) => at >= from && Bun.deepEquals(state, new Set(view))),
    /** The whole stream of a watch. A list is as of half of the history, but a quorum read never goes back. */
    streamFrom(start: WatchStart, seen: number): string[] {
      if (start.from === "version") return lines.slice(Number(start.version));
      const at = Math.max(seen, Math.floor(lines.length / 2));
      const initial = [...(states[at] ?? [])].map(([name, { version, uid }]) =>
        line("ADDED", name, version, uid),
      );
      return [...initial, endOfList(at), ...lines.slice(at)];
    },
  };
}
