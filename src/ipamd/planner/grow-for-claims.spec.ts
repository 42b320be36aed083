import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { growForClaims } from "./grow-for-claims.ts";
import type { Action, ClaimNeed, EniView, NodeView } from "./node-view.ts";
import { attachedEni, freeAddresses } from "./testing/attached-eni.ts";

/** With addresses that pods hold. */
function eni(id: string, count: number, overrides: Partial<EniView> = {}): EniView {
  const addresses = freeAddresses(id, count).map((it) => ({ ...it, use: "in-use" as const }));
  return attachedEni(id, addresses, overrides);
}

function view(overrides: Partial<NodeView> = {}): NodeView {
  const enis = overrides.enis ?? [];
  return {
    demand: enis.reduce((sum, { addresses }) => sum + addresses.length, 0),
    waiting: 0,
    instanceBusy: false,
    warm: { min: 0, max: 0 },
    limit: { enis: 3, addressesPerEni: 9, addresses: 27, quota: 27 },
    enis: [],
    subnets: [
      { id: "subnet-a", forNewEnis: true, free: 200 },
      { id: "subnet-b", forNewEnis: true, free: 100 },
    ],
    ...overrides,
  };
}

const any = (key: string, subnetId?: string): ClaimNeed => ({ key, subnetId, wants: { kind: "any" } });
const named = (key: string, address: string): ClaimNeed => ({
  key,
  subnetId: "subnet-a",
  wants: { kind: "named", address },
});
const moved = (key: string, address: string, proven: boolean): ClaimNeed => ({
  key,
  subnetId: "subnet-a",
  wants: { kind: "move", address, from: "eni-far", proven },
});
const full = [{ id: "subnet-a", forNewEnis: true, free: 0 }];

/** What is done, and who goes without. */
function grown(seen: NodeView, needs: readonly ClaimNeed[]) {
  const { actions, shortages } = growForClaims(seen, needs);
  return { actions, shortages };
}

describe("growForClaims()", () => {
  test("brings what pods of a subnet wait for in one call, on the fullest ENI there", () => {
    const enis = [eni("eni-1", 2), eni("eni-2", 7), eni("eni-3", 3, { subnetId: "subnet-b" })];
    const needs = [any("a", "subnet-a"), any("b", "subnet-a"), any("c", "subnet-a")];
    expect(grown(view({ enis }), needs)).toEqual({
      actions: [
        { kind: "assign", eniId: "eni-2", count: 2 },
        { kind: "assign", eniId: "eni-1", count: 1 },
      ],
      shortages: new Map(),
    });
  });

  test("makes an ENI in the claim's subnet with all that is to come of it, whatever room there is elsewhere", () => {
    const needs = [any("a", "subnet-b"), any("b", "subnet-b"), any("c", "subnet-a")];
    expect(growForClaims(view({ enis: [eni("eni-1", 2)] }), needs).actions).toEqual([
      { kind: "assign", eniId: "eni-1", count: 1 },
      { kind: "create-eni", subnetId: "subnet-b", addresses: 2, alone: false },
    ]);
  });

  test("takes any subnet for a claim that names none, the one with most addresses left for a new ENI", () => {
    expect(growForClaims(view(), [any("a")]).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-a", addresses: 1, alone: false },
    ]);
  });

  test("asks for an address by name alone, the oldest need first", () => {
    const needs = [named("a", "10.0.0.7"), any("b", "subnet-a"), named("c", "10.0.0.8")];
    expect(growForClaims(view({ enis: [eni("eni-1", 2)] }), needs).actions).toEqual([
      { kind: "assign-named", eniId: "eni-1", address: "10.0.0.7", claim: "a" },
    ]);
  });

  test("moves what is proven, and lets others go before what is not", () => {
    const enis = [eni("eni-1", 2)];
    expect(growForClaims(view({ enis }), [moved("a", "10.0.0.7", true)]).actions).toEqual([
      { kind: "move", eniId: "eni-1", address: "10.0.0.7", from: "eni-far" },
    ]);
    const needs = [moved("a", "10.0.0.7", false), any("b", "subnet-a")];
    expect(growForClaims(view({ enis }), needs).actions).toEqual([
      { kind: "assign", eniId: "eni-1", count: 1 },
    ]);
  });

  test("makes the ENI for an address that is still held elsewhere, and keeps its place there", () => {
    expect(growForClaims(view(), [moved("a", "10.0.0.7", false)]).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-a", addresses: 0, alone: false },
    ]);
    const enis = [eni("eni-1", 8)];
    const needs = [moved("a", "10.0.0.7", false), any("b", "subnet-a")];
    expect(growForClaims(view({ enis, limit: { ...view().limit, enis: 1 } }), needs).actions).toEqual([]);
  });

  test("moves an address into a subnet that has none left, and gives no other one there", () => {
    const enis = [eni("eni-1", 2)];
    expect(growForClaims(view({ enis, subnets: full }), [moved("a", "10.0.0.7", true)]).shortages.size).toBe(
      0,
    );
    expect(grown(view({ enis, subnets: full }), [any("a", "subnet-a")])).toEqual({
      actions: [],
      shortages: new Map([["a", "subnet-full"]]),
    });
  });

  test.each([
    ["busy", { busy: true, ready: false }],
    ["not attached yet, and on its way", { unattached: true, ready: false, busy: true }],
  ])("waits for an ENI that is %s", (_, state) => {
    const enis = [eni("eni-1", 2, state)];
    expect(growForClaims(view({ enis }), [any("a", "subnet-a")]).actions).toEqual([]);
  });

  test("an ENI of a subnet that empties takes back what is of it, and nothing new", () => {
    const enis = [eni("eni-1", 2, { draining: true })];
    const one = { ...view().limit, enis: 1 };
    expect(growForClaims(view({ enis, limit: one }), [named("a", "10.0.0.7")]).actions).toHaveLength(1);
    expect(growForClaims(view({ enis, limit: one }), [any("a", "subnet-a")]).actions).toEqual([]);
  });

  test.each([
    ["the node has its last address", { addresses: 2 }, "eni-full"],
    ["the node has its last ENI", { enis: 1, addressesPerEni: 2 }, "eni-full"],
    ["the instance can have no more", { enis: 1, addressesPerEni: 2, addresses: 2, quota: 2 }, "quota"],
  ] as const)("says so where %s", (_, limit, shortage) => {
    const enis = [eni("eni-1", 2)];
    expect(grown(view({ enis, limit: { ...view().limit, ...limit } }), [any("a", "subnet-a")])).toEqual({
      actions: [],
      shortages: new Map([["a", shortage]]),
    });
  });

  test("says so where the claim's subnet is none of the node's zone", () => {
    const { actions, shortages } = growForClaims(view(), [any("a", "subnet-far"), any("b", "subnet-b")]);
    expect(actions).toMatchObject([{ kind: "create-eni", subnetId: "subnet-b" }]);
    expect(shortages).toEqual(new Map([["a", "other-zone"]]));
    const none = grown(view({ subnets: [] }), [any("a")]);
    expect(none).toEqual({ actions: [], shortages: new Map([["a", "no-subnet"]]) });
  });

  test("says that a subnet is out of reach before it says that the node is full", () => {
    const enis = [eni("eni-1", 2)];
    const limit = { enis: 1, addressesPerEni: 2, addresses: 2, quota: 2 };
    const { shortages } = grown(view({ enis, limit }), [any("a", "subnet-far"), any("b", "subnet-b")]);
    expect(shortages).toEqual(
      new Map([
        ["a", "other-zone"],
        ["b", "quota"],
      ]),
    );
  });

  test("says so where no ENI of the claim's subnet has room, and there is no place for another", () => {
    const enis = [eni("eni-1", 9), eni("eni-2", 2, { subnetId: "subnet-b" })];
    const limit = { enis: 2, addressesPerEni: 9, addresses: 18, quota: 18 };
    const { actions, shortages } = grown(view({ enis, limit }), [any("a", "subnet-a"), any("b")]);
    expect(actions).toEqual([{ kind: "assign", eniId: "eni-2", count: 1 }]);
    expect(shortages).toEqual(new Map([["a", "last-eni"]]));
  });

  test("what an ENI brings that is being attached is for those that wait, and is not asked for again", () => {
    const brings = (count: number, isThere = false) =>
      attachedEni(
        "eni-1",
        freeAddresses("new", count).map((it) => ({ ...it, use: "unknown" as const, isNew: true })),
        { ready: isThere, busy: !isThere },
      );
    const five = ["a", "b", "c", "d", "e"].map((key) => any(key, "subnet-a"));
    const seen = { enis: [brings(5)], limit: { ...view().limit, addresses: 5 }, subnets: full };
    expect(grown(view(seen), five)).toEqual({ actions: [], shortages: new Map() });
    const there = { ...seen, enis: [brings(5, true)] };
    expect(grown(view(there), five)).toEqual({ actions: [], shortages: new Map() });
    expect(grown(view({ enis: [brings(5)] }), [...five, any("f", "subnet-b")]).actions).toEqual([
      { kind: "create-eni", subnetId: "subnet-b", addresses: 1, alone: false },
    ]);
  });

  test("tells what it leaves of the subnets, with what is to come as soon as an ENI is done", () => {
    const enis = [eni("eni-1", 2, { busy: true, ready: false })];
    const needs = [any("a", "subnet-a"), any("b", "subnet-b"), any("c", "subnet-b")];
    expect(growForClaims(view({ enis }), needs).subnets.map(({ free }) => free)).toEqual([199, 97]);
  });

  test("brings everything that there is room for, one action an ENI, and never more", () => {
    const need = fc.record({
      subnetId: fc.constantFrom("subnet-a", "subnet-b", undefined),
      kind: fc.constantFrom("any", "named", "move"),
    });
    const node = fc.record({
      needs: fc.array(need, { maxLength: 20 }),
      counts: fc.array(fc.record({ count: fc.nat(9), subnetId: fc.constantFrom("subnet-a", "subnet-b") }), {
        maxLength: 3,
      }),
      free: fc.record({ a: fc.nat(12), b: fc.nat(12) }),
      addresses: fc.integer({ min: 1, max: 27 }),
    });
    fc.assert(
      fc.property(node, ({ needs, counts, free, addresses }) => {
        const enis = counts.map(({ count, subnetId }, i) => eni(`eni-${i}`, count, { subnetId }));
        let seen = view({
          enis,
          limit: { ...view().limit, addresses },
          subnets: [
            { id: "subnet-a", forNewEnis: true, free: free.a },
            { id: "subnet-b", forNewEnis: true, free: free.b },
          ],
        });
        const before = held(seen);
        let left = needs.map(({ subnetId, kind }, i): ClaimNeed => {
          const address = `10.0.0.${i}`;
          if (kind === "any") return any(`k${i}`, subnetId);
          const of = { key: `k${i}`, subnetId: subnetId ?? "subnet-a" };
          return kind === "named"
            ? { ...of, wants: { kind, address } }
            : { ...of, wants: { kind: "move", address, from: "eni-far", proven: true } };
        });
        for (let round = 0; ; round++) {
          const { actions } = growForClaims(seen, left);
          if (actions.length === 0) break;
          expect(round).toBeLessThan(60);
          const touched = actions.flatMap((action) => ("eniId" in action ? [action.eniId] : []));
          expect(new Set(touched).size).toBe(touched.length);
          for (const action of actions) [seen, left] = done(seen, left, action);
          for (const each of seen.enis) expect(each.addresses.length).toBeLessThanOrEqual(9);
          for (const subnet of seen.subnets) expect(subnet.free).toBeGreaterThanOrEqual(0);
          expect(seen.enis.length).toBeLessThanOrEqual(3);
        }
        expect(held(seen)).toBeLessThanOrEqual(Math.max(before, addresses));
        // Whatever is left has no place: at rest no need could be met.
        for (const { subnetId, wants } of held(seen) < addresses ? left : []) {
          const has = (id: string) => (seen.subnets.find((it) => it.id === id)?.free ?? 0) > 0;
          const room = seen.enis.some(
            (it) =>
              (subnetId === undefined || it.subnetId === subnetId) &&
              it.addresses.length < 9 &&
              (wants.kind === "move" || has(it.subnetId)),
          );
          expect(room).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function held({ enis }: NodeView): number {
  return enis.reduce((sum, { addresses }) => sum + addresses.length, 0);
}

/** The node after an action has come to its end. */
function done(seen: NodeView, left: ClaimNeed[], action: Action): [NodeView, ClaimNeed[]] {
  const brought: ClaimNeed[] = [];
  let enis = [...seen.enis];
  let taken = { subnetId: "", count: 0 };
  const put = (id: string, needs: readonly ClaimNeed[]) => {
    brought.push(...needs);
    enis = enis.map((it) =>
      it.id === id ? { ...eni(id, it.addresses.length + needs.length, { subnetId: it.subnetId }) } : it,
    );
  };
  const fits = (subnetId: string) => (need: ClaimNeed) =>
    need.wants.kind === "any" && (need.subnetId ?? subnetId) === subnetId;
  if (action.kind === "create-eni") {
    const id = `eni-${enis.length}`;
    enis.push(eni(id, 0, { subnetId: action.subnetId }));
    put(id, left.filter(fits(action.subnetId)).slice(0, action.addresses));
    taken = { subnetId: action.subnetId, count: action.addresses + 1 };
  } else if (action.kind === "assign") {
    const subnetId = enis.find(({ id }) => id === action.eniId)?.subnetId ?? "";
    put(action.eniId, left.filter(fits(subnetId)).slice(0, action.count));
    taken = { subnetId, count: action.count };
  } else if (action.kind === "assign-named" || action.kind === "move") {
    const is = ({ wants }: ClaimNeed) => wants.kind !== "any" && wants.address === action.address;
    put(action.eniId, left.filter(is));
    const subnetId = enis.find(({ id }) => id === action.eniId)?.subnetId ?? "";
    if (action.kind === "assign-named") taken = { subnetId, count: 1 };
  }
  const subnets = seen.subnets.map((it) =>
    it.id === taken.subnetId ? { ...it, free: it.free - taken.count } : it,
  );
  return [{ ...seen, enis, subnets }, left.filter((need) => !brought.includes(need))];
}
