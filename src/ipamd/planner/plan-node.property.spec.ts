import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../cloud/testing/seeded-random.ts";
import { grow, roomOf } from "./grow.ts";
import { boundCount, capacityOf, isElsewhere, type NodeView } from "./node-view.ts";
import { attachedEni, freeAddresses } from "./testing/attached-eni.ts";
import { type Happening, ModelNode } from "./testing/model-node.ts";

const at = fc.nat(30);
const limit = fc.record({
  enis: fc.nat(4),
  addressesPerEni: fc.integer({ min: 1, max: 6 }),
  addresses: fc.nat(20),
});

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("time" as const), steps: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pods" as const), count: fc.nat(16) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("waiting" as const), count: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("agent" as const),
      mode: fc.constantFrom("prompt" as const, "late" as const, "away" as const),
    }),
  },
  { weight: 1, arbitrary: limit.map((it) => ({ kind: "limit" as const, ...it })) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("warm" as const), min: fc.nat(5), extra: fc.nat(5) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("subnet" as const),
      at,
      configured: fc.boolean(),
      labelled: fc.boolean(),
      free: fc.constantFrom(0, 1, 2, 3, 7, 60),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("eni-moved" as const),
      at,
      to: fc.constantFrom("here" as const, "nowhere" as const, "elsewhere" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("address-lost" as const, "eni-deleted" as const, "address-deleted" as const),
      at,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "new-leader" as const }) },
);

const world = fc.record({
  seed: fc.integer(),
  quick: fc.boolean(),
  limit,
  subnets: fc.array(fc.constantFrom(0, 2, 5, 12, 60), { minLength: 1, maxLength: 3 }),
  happenings: fc.array(happening, { maxLength: 40, size: "max" }),
});

/** Steps without an action after which there will be none: longer than the pace of giving back. */
const QUIET_STEPS = 16;

function settle(node: ModelNode): void {
  let quiet = 0;
  for (let step = 0; quiet < QUIET_STEPS; step++) {
    if (step > 1500) throw new Error(`no rest: ${JSON.stringify(node.seen())}`);
    quiet = node.step().length === 0 ? quiet + 1 : 0;
  }
}

describe("planNode(), whatever happens to the node", () => {
  // The model node throws where an action is above quota, below use, without agreement, or a second one on a busy ENI.
  test("does nothing that it must not, and comes to rest with what is wanted, as far as there is room", () => {
    fc.assert(
      fc.property(world, ({ seed, quick, limit: first, subnets, happenings }) => {
        const node = new ModelNode(seededRandom(seed), subnets);
        node.quick = quick;
        node.limit = { ...first, quota: 99 };
        for (const it of happenings) node.happen(it);
        node.agent = "prompt";
        settle(node);
        expectRest(node);

        // With its last pods go the ENIs that are to go.
        node.setPods(0);
        node.waiting = 0;
        settle(node);
        expectRest(node);
        const here = node.enis.filter((eni) => eni.place !== "elsewhere");
        expect(here.filter((eni) => node.isDraining(eni))).toEqual([]);
        expect(here.length).toBeLessThanOrEqual(node.limit.enis);
      }),
      { numRuns: 600 },
    );
  });

  test("a node without anything makes an ENI with all that it needs in one call", () => {
    fc.assert(
      fc.property(
        fc.record({
          pods: fc.nat(30),
          waiting: fc.nat(5),
          min: fc.nat(6),
          perEni: fc.integer({ min: 1, max: 29 }),
        }),
        ({ pods, waiting, min, perEni }) => {
          const node = new ModelNode(seededRandom(1), [250, 100]);
          node.limit = { enis: 3, addressesPerEni: perEni, addresses: 3 * perEni, quota: 3 * perEni };
          node.warm = { min, max: min };
          node.setPods(pods);
          node.waiting = waiting;
          const wanted = Math.min(pods + waiting + min, perEni);
          const create = {
            kind: "create-eni" as const,
            subnetId: "subnet-0",
            addresses: wanted,
            alone: false,
          };
          expect(node.step()).toEqual(wanted === 0 ? [] : [create]);
        },
      ),
    );
  });
});

describe("roomOf()", () => {
  test("is what the node can grow by, and no more", () => {
    fc.assert(
      fc.property(world, ({ seed, quick, limit: first, subnets, happenings }) => {
        const node = new ModelNode(seededRandom(seed), subnets);
        node.quick = quick;
        node.limit = { ...first, quota: 99 };
        for (const it of happenings) node.happen(it);
        const view = node.planned();
        const room = roomOf(view);
        const start = boundCount(view);
        expect(boundCount(grown(view, start + room))).toBe(start + room);
        expect(boundCount(grown(view, start + room + 1))).toBe(start + room);
        // The same one by one.
        let slowly = view;
        for (let i = 1; i <= room; i++) slowly = grown(slowly, start + i);
        expect(boundCount(slowly)).toBe(start + room);
      }),
      { numRuns: 400 },
    );
  });
});

/** The view after all growth towards that many addresses, with every operation done at once. */
function grown(view: NodeView, demand: number): NodeView {
  let now: NodeView = { ...view, demand, waiting: 0, warm: { min: 0, max: 0 } };
  for (let i = 0; i < 100; i++) {
    now = finished(now);
    const { actions } = grow(now);
    if (actions.length === 0) return now;
    for (const action of actions) {
      if (action.kind === "attach") {
        now = changed(now, action.eniId, { ready: true, unattached: false });
      } else if (action.kind === "assign") {
        const eni = now.enis.find(({ id }) => id === action.eniId);
        if (eni === undefined) throw new Error(`there is no ${action.eniId}`);
        const addresses = [...eni.addresses, ...freeAddresses(`${i}-${eni.id}`, action.count)];
        now = took(changed(now, eni.id, { addresses }), eni.subnetId, action.count);
      } else if (action.kind === "create-eni") {
        const { subnetId, addresses } = action;
        now = took({ ...now, creating: { subnetId, addresses } }, subnetId, addresses + 1);
      }
    }
  }
  throw new Error("grows without end");
}

/** What was under way is done, the ENI that was being made is there. */
function finished(view: NodeView): NodeView {
  const { creating, ...before } = view;
  const rest = { ...before, instanceBusy: false };
  const enis = view.enis.map((eni) => (eni.busy ? { ...eni, busy: false, ready: true } : eni));
  if (creating === undefined) return { ...rest, enis };
  const id = `eni-new-${view.enis.length}`;
  const made = attachedEni(id, creating.addresses, { subnetId: creating.subnetId });
  return { ...rest, enis: [...enis, made] };
}

function changed(view: NodeView, eniId: string, change: Partial<NodeView["enis"][number]>): NodeView {
  return { ...view, enis: view.enis.map((eni) => (eni.id === eniId ? { ...eni, ...change } : eni)) };
}

function took(view: NodeView, subnetId: string, count: number): NodeView {
  return {
    ...view,
    subnets: view.subnets.map((s) => (s.id === subnetId ? { ...s, free: s.free - count } : s)),
  };
}

function expectRest(node: ModelNode): void {
  const view = node.planned();
  const bound = boundCount(view);
  const capacity = capacityOf(view);
  const { demand, waiting, warm } = view;
  if (roomOf(view) > 0) expect(bound).toBeGreaterThanOrEqual(Math.min(demand + waiting + warm.min, capacity));
  const held = view.enis.flatMap((eni) => eni.addresses).filter((a) => a.use === "in-use").length;
  expect(bound).toBeLessThanOrEqual(Math.max(Math.min(demand + waiting + warm.max, capacity), held));
  for (const eni of view.enis.filter((it) => !isElsewhere(it))) {
    expect(eni.addresses.length).toBeGreaterThan(0);
    if (eni.draining && eni.leaving === "no") expect(eni.addresses.map((a) => a.use)).not.toContain("free");
    // One that waits for the place of another is left as it is.
    if (eni.ready) expect(eni.addresses.map((a) => a.reclaim)).not.toContain("agreed");
  }
}
