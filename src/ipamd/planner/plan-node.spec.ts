import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Action, EniView, NodeView } from "./node-view.ts";
import { planNode } from "./plan-node.ts";
import { RELEASE_INTERVAL_MS, type ShrinkMemory } from "./shrink.ts";
import { attachedEni, freeAddresses } from "./testing/attached-eni.ts";

/** The world as this node sees it: applies actions at once, and lets the agent agree to what is free. */
function apply(view: NodeView, actions: readonly Action[], serial: () => number): NodeView {
  const enis: EniView[] = view.enis.map((eni) => ({ ...eni, addresses: [...eni.addresses] }));
  const subnets = view.subnets.map((s) => ({ ...s }));
  const take = (subnetId: string, count: number) => {
    const subnet = subnets.find((s) => s.id === subnetId);
    if (subnet === undefined || subnet.free < count)
      throw new Error(`subnet ${subnetId} has not ${count} left`);
    subnet.free -= count;
  };
  const fresh = (count: number) => freeAddresses(`ip-${serial()}`, count);
  for (const action of actions) {
    switch (action.kind) {
      case "create-eni":
        take(action.subnetId, action.addresses + 1);
        enis.push(attachedEni(`eni-${serial()}`, fresh(action.addresses), { subnetId: action.subnetId }));
        break;
      case "assign": {
        const i = enis.findIndex((e) => e.id === action.eniId);
        const eni = enis[i] as EniView;
        take(eni.subnetId, action.count);
        enis[i] = { ...eni, addresses: [...eni.addresses, ...fresh(action.count)] };
        break;
      }
      case "ask-back":
        for (const [i, eni] of enis.entries()) {
          enis[i] = {
            ...eni,
            addresses: eni.addresses.map((a) =>
              a.address === action.address ? { ...a, reclaim: a.use === "in-use" ? "asked" : "agreed" } : a,
            ),
          };
        }
        break;
      case "unassign": {
        const i = enis.findIndex((e) => e.id === action.eniId);
        const eni = enis[i] as EniView;
        expect(action.addresses.length).toBeLessThanOrEqual(10);
        for (const address of action.addresses) {
          expect(eni.addresses.find((a) => a.address === address)).toMatchObject({ reclaim: "agreed" });
        }
        enis[i] = { ...eni, addresses: eni.addresses.filter((a) => !action.addresses.includes(a.address)) };
        break;
      }
      case "ask-eni-back": {
        const i = enis.findIndex((e) => e.id === action.eniId);
        enis[i] = { ...(enis[i] as EniView), leaving: "agreed" };
        break;
      }
      case "remove-eni": {
        const i = enis.findIndex((e) => e.id === action.eniId);
        expect(enis[i]).toMatchObject({ leaving: "agreed" });
        expect(enis[i]?.addresses.filter((a) => a.use === "in-use")).toEqual([]);
        enis.splice(i, 1);
        break;
      }
    }
  }
  return { ...view, enis, subnets };
}

/** As many addresses in use as there are pods, as far as they go. */
function usePods(view: NodeView): NodeView {
  let left = view.demand;
  return {
    ...view,
    enis: view.enis.map((eni) => ({
      ...eni,
      addresses: eni.addresses.map((a) => {
        if (a.reclaim !== "no" || left === 0) return { ...a, use: "free" as const };
        left--;
        return { ...a, use: "in-use" as const };
      }),
    })),
  };
}

describe("planNode()", () => {
  test("from any start it comes to rest between demand + min and demand + max, within quota, and asks for nothing more", () => {
    fc.assert(
      fc.property(
        fc.record({
          demands: fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
          min: fc.nat(6),
          extra: fc.nat(6),
          enis: fc.integer({ min: 1, max: 4 }),
          perEni: fc.integer({ min: 1, max: 12 }),
          quick: fc.boolean(),
        }),
        ({ demands, min, extra, enis, perEni, quick }) => {
          let counter = 0;
          const serial = () => ++counter;
          let view: NodeView = {
            demand: 0,
            waiting: 0,
            instanceBusy: false,
            warm: { min, max: min + extra },
            limit: { enis, addressesPerEni: perEni, addresses: enis * perEni, quota: enis * perEni },
            enis: [],
            subnets: [
              { id: "subnet-a", forNewEnis: true, free: 60 },
              { id: "subnet-b", forNewEnis: true, free: 60 },
            ],
          };
          let memory: ShrinkMemory = {};
          let now = 0;
          for (const demand of demands) {
            view = usePods({ ...view, demand });
            let quiet = 0;
            for (let step = 0; quiet < 2; step++) {
              if (step > 400) throw new Error(`no rest: ${JSON.stringify({ demand, view })}`);
              const plan = planNode(view, memory, { quick, now });
              memory = plan.memory;
              quiet = plan.actions.length === 0 ? quiet + 1 : 0;
              view = usePods(apply(view, plan.actions, serial));
              now += RELEASE_INTERVAL_MS;
            }
            const bound = view.enis.flatMap((e) => e.addresses).length;
            const capacity = enis * perEni;
            expect(bound).toBeGreaterThanOrEqual(Math.min(demand + min, capacity));
            expect(bound).toBeLessThanOrEqual(Math.max(demand + min + extra, 0));
            expect(view.enis.length).toBeLessThanOrEqual(enis);
            for (const eni of view.enis) expect(eni.addresses.length).toBeLessThanOrEqual(perEni);
            for (const eni of view.enis) expect(eni.addresses.length).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("one plan asks for no more than there is, for pods that wait and what is kept ready together", () => {
    const subnetId = fc.constantFrom("subnet-a", "subnet-b");
    const node = fc.record({
      needs: fc.array(fc.record({ subnetId, moves: fc.boolean() }), { maxLength: 8 }),
      counts: fc.array(fc.record({ count: fc.nat(6), subnetId }), { maxLength: 3 }),
      free: fc.record({ a: fc.nat(8), b: fc.nat(8) }),
      min: fc.nat(5),
      addresses: fc.nat(18),
    });
    fc.assert(
      fc.property(node, ({ needs, counts, free, min, addresses }) => {
        const enis = counts.map((it, i) =>
          attachedEni(`eni-${i}`, freeAddresses(`ip-${i}`, it.count), { subnetId: it.subnetId }),
        );
        const bound = counts.reduce((sum, { count }) => sum + count, 0);
        const view: NodeView = {
          demand: bound + needs.length,
          waiting: 0,
          instanceBusy: false,
          warm: { min, max: min },
          limit: { enis: 3, addressesPerEni: 6, addresses, quota: 18 },
          enis,
          subnets: [
            { id: "subnet-a", forNewEnis: true, free: free.a },
            { id: "subnet-b", forNewEnis: true, free: free.b },
          ],
          needs: needs.map((it, i) => ({
            key: `default/pod-${i}`,
            subnetId: it.subnetId,
            wants: it.moves
              ? { kind: "move", address: `10.0.9.${i}`, from: "eni-far", proven: true }
              : { kind: "any" },
          })),
        };
        const { actions } = planNode(view, {}, { quick: true, now: 0 });
        const left = new Map(view.subnets.map((it) => [it.id, it.free]));
        let more = 0;
        for (const action of actions) {
          const take = (id: string, count: number) => left.set(id, (left.get(id) ?? 0) - count);
          if (action.kind === "create-eni") {
            take(action.subnetId, action.addresses + 1);
            more += action.addresses;
          } else if (action.kind === "assign") {
            take(enis.find(({ id }) => id === action.eniId)?.subnetId ?? "", action.count);
            more += action.count;
          } else if (action.kind === "move") more++;
        }
        for (const count of left.values()) expect(count).toBeGreaterThanOrEqual(0);
        if (more > 0) expect(bound + more).toBeLessThanOrEqual(addresses);
      }),
      { numRuns: 1000 },
    );
  });

  test("what is kept ready leaves the room that an address needs which has not come yet", () => {
    const view: NodeView = {
      demand: 12,
      waiting: 0,
      instanceBusy: false,
      warm: { min: 1, max: 1 },
      limit: { enis: 2, addressesPerEni: 9, addresses: 18, quota: 18 },
      enis: [
        attachedEni("eni-a", freeAddresses("a", 8), { subnetId: "subnet-a" }),
        attachedEni("eni-b", freeAddresses("b", 3), { subnetId: "subnet-b" }),
      ],
      subnets: [
        { id: "subnet-a", forNewEnis: true, free: 50 },
        { id: "subnet-b", forNewEnis: true, free: 50 },
      ],
      needs: [
        {
          key: "default/web-0",
          subnetId: "subnet-a",
          wants: { kind: "move", address: "10.0.9.1", from: "eni-far", proven: false },
        },
      ],
    };
    expect(planNode(view, {}, { quick: true, now: 0 }).actions).toEqual([
      { kind: "assign", eniId: "eni-b", count: 1 },
    ]);
  });
});
