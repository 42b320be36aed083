import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fitsInto, sumOf } from "./amounts.ts";
import { allowsPod } from "./fits-node.ts";
import { freeOf, type GrowableNode, placeWaitingPods } from "./place-waiting-pods.ts";
import type { PodNeeds } from "./pod-needs.ts";
import type { SlimPod } from "./slim-pod.ts";

function node(
  name: string,
  room: number,
  changes: { zone?: string; cpu?: number; pods?: number } = {},
): GrowableNode {
  const { zone = "a", cpu = 8000, pods = 110 } = changes;
  return { traits: { metadata: { name, labels: { zone } }, spec: {} }, room, free: { cpu, pods } };
}

function pod(
  uid: string,
  { at = 0, zone, cpu = 100 }: { at?: number; zone?: string | undefined; cpu?: number } = {},
): SlimPod {
  const needs: PodNeeds = {
    requests: { cpu },
    nodeSelector: zone === undefined ? {} : { zone },
    tolerations: [],
  };
  return {
    metadata: { name: uid, namespace: "default", uid, resourceVersion: "1" },
    node: undefined,
    needsAddress: true,
    takesPlace: false,
    requests: {},
    claim: { policy: "Immediate", ownOnly: false },
    waiting: { since: new Date(at).toISOString(), needs, needsKey: JSON.stringify(needs) },
  };
}

function place(
  pods: SlimPod[],
  nodes: GrowableNode[],
  previous: Record<string, string> = {},
): Record<string, string> {
  return Object.fromEntries(placeWaitingPods(pods, nodes, { previous: new Map(Object.entries(previous)) }));
}

describe("placeWaitingPods()", () => {
  test("goes where most room is, evenly, by name among equals", () => {
    const pods = ["p1", "p2", "p3", "p4"].map((uid) => pod(uid));
    expect(place(pods, [node("n2", 3), node("n1", 2)])).toEqual({ p1: "n2", p2: "n1", p3: "n2", p4: "n1" });
  });

  test("not beyond a node's room, the oldest first", () => {
    const pods = [pod("new", { at: 2000 }), pod("old", { at: 1000 })];
    expect(place(pods, [node("n1", 1)])).toEqual({ old: "n1" });
    expect(place(pods, [node("n1", 0)])).toEqual({});
  });

  test("only where the pod may run and fits beside those that were placed before it", () => {
    const pods = [
      pod("p1", { zone: "b" }),
      pod("p2", { cpu: 600 }),
      pod("p3", { cpu: 600 }),
      pod("p4", { zone: "c" }),
    ];
    const nodes = [node("n1", 9, { cpu: 1000 }), node("n2", 1, { zone: "b" })];
    expect(place(pods, nodes)).toEqual({ p1: "n2", p2: "n1" });
    expect(place([pod("p1"), pod("p2")], [node("n1", 9, { pods: 1 })])).toEqual({ p1: "n1" });
  });

  test("a pod keeps its node, though another has more room by now", () => {
    expect(place([pod("p1")], [node("n1", 1), node("n2", 9)], { p1: "n1" })).toEqual({ p1: "n1" });
  });

  test("an older pod does not push out one that has its node", () => {
    const pods = [pod("old", { at: 0 }), pod("new", { at: 1 })];
    expect(place(pods, [node("n1", 1)], { new: "n1" })).toEqual({ new: "n1" });
  });

  test("it is moved when its node is gone, has no room any more or would not take it", () => {
    const pods = [pod("p1", { zone: "a" })];
    expect(place(pods, [node("n2", 9)], { p1: "n1" })).toEqual({ p1: "n2" });
    expect(place(pods, [node("n1", 0), node("n2", 9)], { p1: "n1" })).toEqual({ p1: "n2" });
    expect(place(pods, [node("n1", 5, { zone: "b" }), node("n2", 9)], { p1: "n1" })).toEqual({ p1: "n2" });
  });

  test("pods that do not wait are left out, whatever they had", () => {
    const { waiting: _, ...bound } = pod("p1");
    expect(place([bound], [node("n1", 5)], { p1: "n1" })).toEqual({});
  });

  test("any pods, any nodes, any past: one node a pod, which would take it, within room; nobody is left out without need; repeating changes nothing", () => {
    const zone = fc.constantFrom("a", "b", "c");
    const nodes = fc
      .array(fc.record({ room: fc.nat(4), zone, cpu: fc.nat(10).map((n) => n * 100), pods: fc.nat(5) }), {
        maxLength: 6,
      })
      .map((list) => list.map(({ room, ...changes }, i) => node(`n${i}`, room, changes)));
    const pods = fc
      .array(
        fc.record({
          at: fc.nat(3),
          zone: fc.option(zone, { nil: undefined }),
          cpu: fc.nat(5).map((n) => n * 100),
          had: fc.option(fc.nat(7), { nil: undefined }),
        }),
        { maxLength: 15 },
      )
      .map((list) => list.map(({ had, ...changes }, i) => ({ had, pod: pod(`p${i}`, changes) })));
    fc.assert(
      fc.property(nodes, pods, (nodes, list) => {
        const all = list.map((one) => one.pod);
        const previous = new Map(
          list.flatMap(({ had, pod }) => (had === undefined ? [] : [[pod.metadata.uid, `n${had}`]])),
        );
        const placement = placeWaitingPods(all, nodes, { previous });
        const needsOf = new Map(all.map((p) => [p.metadata.uid, p.waiting?.needs as PodNeeds]));
        expect(placement.size).toBeLessThanOrEqual(all.length);
        const takes = (node: GrowableNode, needs: readonly PodNeeds[]) =>
          needs.length <= node.room &&
          needs.every((n) => allowsPod(node.traits, n)) &&
          fitsInto(sumOf({ pods: needs.length }, ...needs.map((n) => n.requests)), node.free);
        const on = (name: string) =>
          [...placement].flatMap(([uid, at]) => (at === name ? [needsOf.get(uid) as PodNeeds] : []));
        for (const node of nodes) expect(takes(node, on(node.traits.metadata.name))).toBe(true);
        for (const [uid, needs] of needsOf) {
          if (placement.has(uid)) continue;
          for (const node of nodes)
            expect(takes(node, [...on(node.traits.metadata.name), needs])).toBe(false);
        }
        expect(placeWaitingPods(all.toReversed(), nodes.toReversed(), { previous: placement })).toEqual(
          placement,
        );
      }),
      { numRuns: 500 },
    );
  });
});

test("what a node has left is its allocatable less what its pods take, their number too", () => {
  const there = { requests: { cpu: 500 }, takesPlace: true };
  const ended = { requests: {}, takesPlace: false };
  expect(freeOf({ cpu: "2", memory: "1Ki", pods: "10" }, [there, there, ended])).toEqual({
    cpu: 1000,
    memory: 1024,
    pods: 8,
  });
});
