import { describe, expect, test } from "bun:test";
import type { AddressView, NodeView } from "./node-view.ts";
import { RELEASE_INTERVAL_MS, shrink } from "./shrink.ts";
import { attachedEni, freeAddresses } from "./testing/attached-eni.ts";

function addresses(eni: string, ...uses: AddressView["use"][]): AddressView[] {
  return freeAddresses(eni, uses.length).map((it, i) => ({ ...it, use: uses[i] ?? it.use }));
}

function view(enis: Record<string, AddressView[]>, overrides: Partial<NodeView> = {}): NodeView {
  return {
    demand: 0,
    waiting: 0,
    instanceBusy: false,
    warm: { min: 1, max: 2 },
    limit: { enis: 3, addressesPerEni: 9, addresses: 27, quota: 27 },
    enis: Object.entries(enis).map(([id, list]) => attachedEni(id, list)),
    subnets: [],
    ...overrides,
  };
}

const asked = (actions: readonly { kind: string }[]) =>
  actions.map((a) => (a.kind === "ask-back" && "address" in a ? a.address : a.kind));

describe("shrink()", () => {
  const surplus = view({
    "eni-1": addresses("eni-1", "in-use", "free", "free", "free"),
    "eni-2": addresses("eni-2", "cooling-down", "free"),
  });

  test("asks for nothing before the surplus has lasted, then for one address at a time", () => {
    const first = shrink(surplus, {}, { quick: false, now: 1000 });
    expect(first).toEqual({ actions: [], memory: { surplusSince: 1000 } });
    const early = shrink(surplus, first.memory, { quick: false, now: 1000 + RELEASE_INTERVAL_MS - 1 });
    expect(early.actions).toEqual([]);
    const due = shrink(surplus, early.memory, { quick: false, now: 1000 + RELEASE_INTERVAL_MS });
    expect(asked(due.actions)).toEqual(["eni-2-1"]);
    const again = shrink(surplus, due.memory, { quick: false, now: 1001 + RELEASE_INTERVAL_MS });
    expect(again.actions).toEqual([]);
  });

  test("quick release asks for the whole surplus, least used ENI first and as a whole, never for one in use", () => {
    const due = shrink(surplus, { surplusSince: 0 }, { quick: true, now: RELEASE_INTERVAL_MS });
    expect(asked(due.actions)).toEqual(["ask-eni-back", "eni-1-1", "eni-1-2"]);
  });

  test("forgets a surplus that went away", () => {
    const busy = { ...surplus, demand: 4 };
    expect(shrink(busy, { surplusSince: 0 }, { quick: false, now: 10 * RELEASE_INTERVAL_MS })).toEqual({
      actions: [],
      memory: {},
    });
  });

  test("asks for nothing that the agent has not said to be free", () => {
    const silent = view({ "eni-1": addresses("eni-1", "unknown", "unknown", "unknown", "in-use") });
    const due = shrink(silent, { surplusSince: 0 }, { quick: true, now: RELEASE_INTERVAL_MS });
    expect(due.actions).toEqual([]);
  });

  test("what an ENI that drains gives back does not make a surplus of the rest forgotten", () => {
    const drains = view({ "eni-1": addresses("eni-1", "free", "free", "free", "free") });
    const leaving = view({ "eni-2": addresses("eni-2", "in-use", "free", "free", "free") }).enis.map(
      (eni) => ({
        ...eni,
        draining: true,
      }),
    );
    const both = { ...drains, demand: 1, enis: [...drains.enis, ...leaving] };
    const plan = shrink(both, { surplusSince: 5 }, { quick: false, now: 6 });
    expect(asked(plan.actions)).toEqual(["eni-2-1", "eni-2-2", "eni-2-3"]);
    expect(plan.memory).toEqual({ surplusSince: 5 });
  });
});
