import { describe, expect, test } from "bun:test";
import { grow, roomOf } from "./grow.ts";
import type { NodeView } from "./node-view.ts";
import { attachedEni } from "./testing/attached-eni.ts";

const eni = attachedEni;

function view(overrides: Partial<NodeView> = {}): NodeView {
  return {
    demand: 0,
    waiting: 0,
    instanceBusy: false,
    warm: { min: 5, max: 5 },
    limit: { enis: 3, addressesPerEni: 9, addresses: 27, quota: 27 },
    enis: [],
    subnets: [{ id: "subnet-a", forNewEnis: true, free: 200 }],
    ...overrides,
  };
}

describe("grow()", () => {
  test("makes the first ENI with all that is wanted in one call", () => {
    expect(grow(view({ demand: 2 }))).toEqual({
      actions: [{ kind: "create-eni", subnetId: "subnet-a", addresses: 7, alone: false }],
    });
  });

  test("an address that must not be used yet takes room, and counts for nothing", () => {
    const full = eni("eni-1", 9);
    const addresses = full.addresses.map((a, i) => ({ ...a, reserved: i < 2 }));
    expect(grow(view({ demand: 4, enis: [{ ...full, addresses }] })).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-a", addresses: 2, alone: false },
    ]);
  });

  test("fills the fullest ENI first and makes another only for the rest", () => {
    const enis = [eni("eni-1", 2), eni("eni-2", 7)];
    expect(grow(view({ demand: 10, enis })).actions).toEqual([
      { kind: "assign", eniId: "eni-2", count: 2 },
      { kind: "assign", eniId: "eni-1", count: 4 },
    ]);
    expect(grow(view({ demand: 20, enis })).actions).toEqual([
      { kind: "assign", eniId: "eni-2", count: 2 },
      { kind: "assign", eniId: "eni-1", count: 7 },
      { kind: "create-eni", subnetId: "subnet-a", addresses: 7, alone: false },
    ]);
  });

  test.each([
    ["busy", { busy: true }],
    ["being attached", { ready: false, busy: true }],
  ])("begins nothing in place of an ENI with room that is %s", (_, state) => {
    expect(grow(view({ enis: [eni("eni-1", 2, state)] })).actions).toEqual([]);
  });

  test("counts an ENI that is being made", () => {
    expect(grow(view({ creating: { subnetId: "subnet-a", addresses: 5 } })).actions).toEqual([]);
    expect(grow(view({ demand: 3, creating: { subnetId: "subnet-a", addresses: 5 } })).actions).toEqual([]);
  });

  test("makes no ENI beyond the limit, and says so once pods go without", () => {
    const enis = [eni("eni-1", 9), eni("eni-2", 9), eni("eni-3", 9)];
    expect(grow(view({ demand: 25, enis }))).toEqual({ actions: [] });
    expect(grow(view({ demand: 28, enis }))).toEqual({ actions: [], shortage: "quota" });
    const limit = { enis: 3, addressesPerEni: 9, addresses: 27, quota: 63 };
    expect(grow(view({ demand: 28, enis, limit }))).toEqual({ actions: [], shortage: "eni-full" });
  });

  test("takes what a nearly full subnet has left, and another subnet for the rest", () => {
    const enis = [eni("eni-1", 2)];
    const full = [{ id: "subnet-a", forNewEnis: true, free: 1 }];
    expect(grow(view({ enis, subnets: full }))).toEqual({
      actions: [{ kind: "assign", eniId: "eni-1", count: 1 }],
      shortage: "subnet-full",
    });
    expect(grow(view({ enis, subnets: [...full, { id: "subnet-b", forNewEnis: true, free: 50 }] }))).toEqual({
      actions: [
        { kind: "assign", eniId: "eni-1", count: 1 },
        { kind: "create-eni", subnetId: "subnet-b", addresses: 2, alone: false },
      ],
    });
  });

  test("attaches one ENI at a time, and makes the next one alone meanwhile", () => {
    const waiting = { ready: false, unattached: true };
    const enis = [eni("eni-1", 9, waiting), eni("eni-2", 9, waiting)];
    const next = { kind: "create-eni" as const, subnetId: "subnet-a", addresses: 7, alone: true };
    expect(grow(view({ demand: 20, enis })).actions).toEqual([{ kind: "attach", eniId: "eni-1" }, next]);
    expect(grow(view({ demand: 20, enis, instanceBusy: true })).actions).toEqual([next]);
  });

  test("says when the zone has no subnet", () => {
    expect(grow(view({ subnets: [] }))).toEqual({ actions: [], shortage: "no-subnet" });
  });

  test("does not count what is on its way back", () => {
    const enis = [eni("eni-1", 5)];
    const [first, ...rest] = enis[0]?.addresses ?? [];
    if (first === undefined) throw new Error("no address");
    const asked = eni("eni-1", 0, { addresses: [{ ...first, reclaim: "asked" }, ...rest] });
    expect(grow(view({ enis: [asked] })).actions).toEqual([{ kind: "assign", eniId: "eni-1", count: 1 }]);
  });

  test("one ENI whose subnet is full is no shortage while another gives what is needed", () => {
    const enis = [eni("eni-1", 8), eni("eni-2", 1, { subnetId: "subnet-b" })];
    const subnets = [
      { id: "subnet-a", forNewEnis: true, free: 0 },
      { id: "subnet-b", forNewEnis: true, free: 9 },
    ];
    expect(grow(view({ demand: 7, enis, subnets }))).toEqual({
      actions: [{ kind: "assign", eniId: "eni-2", count: 3 }],
    });
  });

  test("goes on to say that the quota is reached while it makes the last ENI", () => {
    const enis = [eni("eni-1", 9), eni("eni-2", 9)];
    expect(grow(view({ demand: 28, enis }))).toMatchObject({
      actions: [{ kind: "create-eni" }],
      shortage: "quota",
    });
  });

  test("an address that a pod holds counts although somebody has deleted its object, or that of its ENI", () => {
    const held = eni("eni-1", 5).addresses.map((a) => ({ ...a, use: "in-use", reclaim: "asked" }) as const);
    expect(
      grow(view({ demand: 5, warm: { min: 0, max: 0 }, enis: [eni("eni-1", 0, { addresses: held })] })),
    ).toEqual({
      actions: [],
    });
    const inUse = held.map((a) => ({ ...a, reclaim: "no" }) as const);
    const leaving = eni("eni-1", 0, { leaving: "asked", addresses: inUse });
    expect(grow(view({ demand: 5, enis: [leaving] })).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-a", addresses: 5, alone: false },
    ]);
  });

  test("an ENI that somebody has attached to another instance is nothing to this node", () => {
    const enis = [eni("eni-1", 9), eni("eni-2", 9), eni("eni-3", 2, { ready: false })];
    expect(grow(view({ demand: 18, enis })).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-a", addresses: 5, alone: false },
    ]);
  });

  test("attaches no ENI beside one that is being made when there is place for one only", () => {
    const enis = [eni("eni-1", 9), eni("eni-2", 9), eni("eni-3", 2, { ready: false, unattached: true })];
    const creating = { subnetId: "subnet-a", addresses: 2 };
    expect(grow(view({ demand: 18, enis })).actions).toEqual([{ kind: "attach", eniId: "eni-3" }]);
    expect(grow(view({ demand: 18, enis, creating })).actions).toEqual([]);
  });

  test("says when pods wait for the place of an ENI that others keep from going", () => {
    const held = eni("eni-1", 3).addresses.map((a) => ({ ...a, use: "in-use" }) as const);
    const enis = [eni("eni-1", 0, { draining: true, addresses: held })];
    const limit = { enis: 1, addressesPerEni: 9, addresses: 9, quota: 9 };
    expect(grow(view({ demand: 4, enis, limit }))).toEqual({ actions: [], shortage: "draining" });
    expect(grow(view({ demand: 3, enis, limit }))).toEqual({ actions: [] });
  });
});

describe("roomOf()", () => {
  test("counts new ENIs in the subnets in which they would be made", () => {
    const subnets = [
      { id: "subnet-a", forNewEnis: true, free: 2 },
      { id: "subnet-b", forNewEnis: true, free: 100 },
    ];
    expect(roomOf(view({ enis: [eni("eni-1", 9), eni("eni-2", 9)], subnets }))).toBe(9);
  });

  test("an ENI that is being made has room, too", () => {
    const creating = { subnetId: "subnet-a", addresses: 5 };
    expect(roomOf(view({ enis: [eni("eni-1", 9), eni("eni-2", 9)], creating }))).toBe(4);
  });
});
