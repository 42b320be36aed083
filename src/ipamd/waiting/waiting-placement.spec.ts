import { beforeEach, describe, expect, test } from "bun:test";
import type { Node } from "../../kube/core-resources.ts";
import type { StoreEvent } from "../../kube/reflector/store.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { SlimPod } from "./slim-pod.ts";
import { WaitingPlacement, type WaitingPlacementParts } from "./waiting-placement.ts";

/** Changes are gathered for no longer than this. */
const SOON_MS = 250;

function node(name: string): Node {
  return {
    metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: "2026-03-01T12:00:00Z" },
    spec: {},
    status: { allocatable: { pods: "110", cpu: "8" } },
  };
}

function pod(uid: string, state: { on?: string; waits?: boolean } = {}): SlimPod {
  const needs = { requests: { cpu: 100 }, nodeSelector: {}, tolerations: [] };
  return {
    metadata: { name: uid, namespace: "default", uid, resourceVersion: "1" },
    node: state.on,
    needsAddress: true,
    takesPlace: state.on !== undefined,
    requests: {},
    claim: { policy: "Immediate", ownOnly: false },
    ...(state.waits && {
      waiting: { since: "2026-03-01T12:00:00Z", needs, needsKey: JSON.stringify(needs) },
    }),
  };
}

let clock: ManualClock;
let pods: Map<string, SlimPod>;
let nodes: Map<string, Node>;
let tell: (event: StoreEvent<SlimPod>) => void;
let tellOfNode: (event: StoreEvent<Node>) => void;
let changes: string[][];
let placement: WaitingPlacement;

beforeEach(() => {
  clock = createManualClock();
  pods = new Map();
  nodes = new Map([node("node-1"), node("node-2")].map((it) => [it.metadata.name, it]));
  tell = () => {};
  tellOfNode = () => {};
  changes = [];
  const onNode = (_: "node" | "place", name: string) => [...pods.values()].filter((it) => it.node === name);
  placement = new WaitingPlacement({
    pods: {
      store: { index: onNode } as unknown as WaitingPlacementParts["pods"]["store"],
      subscribe(listener) {
        tell = listener;
        for (const object of pods.values()) listener({ type: "added", object });
        listener({ type: "synced" });
        return () => {
          tell = () => {};
        };
      },
    },
    nodes: {
      store: { get: (name: string) => nodes.get(name) } as WaitingPlacementParts["nodes"]["store"],
      subscribe(listener) {
        tellOfNode = listener;
        return () => {
          tellOfNode = () => {};
        };
      },
    },
    clock,
    changed: (names) => void changes.push([...names].toSorted()),
  });
});

function put(it: SlimPod): void {
  const type = pods.has(it.metadata.uid) ? "modified" : "added";
  pods.set(it.metadata.uid, it);
  tell(type === "added" ? { type, object: it } : { type, object: it, previous: it });
}

describe("WaitingPlacement", () => {
  test("nodes grow for the pods that found none, in total by no more than there are", async () => {
    put(pod("p1", { waits: true }));
    placement.start();
    placement.setCapacity("node-1", 5);
    placement.setCapacity("node-2", 3);
    await clock.advance(SOON_MS);
    put(pod("p2", { waits: true }));
    put(pod("p3", { waits: true }));
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1") + placement.countOf("node-2")).toBe(3);
    put(pod("p4", { waits: true }));
    await clock.advance(SOON_MS);
    expect([placement.countOf("node-1"), placement.countOf("node-2")]).toEqual([3, 1]);
    expect(changes.at(-1)).toEqual(["node-2"]);
  });

  test("many changes at a time are looked at together", async () => {
    placement.start();
    placement.setCapacity("node-1", 50);
    for (let i = 0; i < 20; i++) put(pod(`p${i}`, { waits: true }));
    await clock.advance(SOON_MS);
    expect(changes).toEqual([["node-1"]]);
    expect(placement.countOf("node-1")).toBe(20);
  });

  test("a pod that was bound, or is gone, is grown for no more", async () => {
    placement.start();
    placement.setCapacity("node-1", 5);
    put(pod("p1", { waits: true }));
    put(pod("p2", { waits: true }));
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(2);
    // At once, not when it is next looked at: a bound pod counts as its node's already.
    put(pod("p1", { on: "node-2" }));
    expect(placement.countOf("node-1")).toBe(1);
    tell({ type: "deleted", object: pod("p2", { waits: true }) });
    expect(placement.countOf("node-1")).toBe(0);
    expect(changes.slice(1)).toEqual([["node-1"], ["node-1"]]);
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(0);
  });

  test("only as far as a node has, or can get, addresses beyond its pods", async () => {
    placement.start();
    put(pod("there", { on: "node-1" }));
    placement.setCapacity("node-1", 2);
    put(pod("p1", { waits: true }));
    put(pod("p2", { waits: true }));
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(1);
    placement.setCapacity("node-1", 9);
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(2);
  });

  test("pods for which a node grew that is gone are placed on others", async () => {
    placement.start();
    placement.setCapacity("node-1", 9);
    placement.setCapacity("node-2", 1);
    put(pod("p1", { waits: true }));
    put(pod("p2", { waits: true }));
    await clock.advance(SOON_MS);
    expect([placement.countOf("node-1"), placement.countOf("node-2")]).toEqual([2, 0]);
    placement.forget("node-1");
    await clock.advance(SOON_MS);
    expect([placement.countOf("node-1"), placement.countOf("node-2")]).toEqual([0, 1]);
  });

  test("a node that begins to take pods is looked at, one that only says that it lives is not", async () => {
    const closed = { ...node("node-1"), spec: { unschedulable: true } };
    nodes.set("node-1", closed);
    placement.start();
    placement.setCapacity("node-1", 9);
    put(pod("p1", { waits: true }));
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(0);
    const looks = changes.length;
    tellOfNode({ type: "modified", object: { ...closed }, previous: closed });
    await clock.advance(SOON_MS);
    expect(changes).toHaveLength(looks);
    nodes.set("node-1", node("node-1"));
    tellOfNode({ type: "modified", object: node("node-1"), previous: closed });
    await clock.advance(SOON_MS);
    expect(placement.countOf("node-1")).toBe(1);
  });

  test("nothing is looked at while no pod waits, and nothing after the end", async () => {
    placement.start();
    placement.setCapacity("node-1", 5);
    put(pod("there", { on: "node-1" }));
    await clock.advance(SOON_MS);
    expect(changes).toEqual([]);
    put(pod("p1", { waits: true }));
    placement.stop();
    put(pod("p2", { waits: true }));
    await clock.advance(SOON_MS);
    expect(changes).toEqual([]);
  });
});
