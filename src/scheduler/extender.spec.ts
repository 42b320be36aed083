import { beforeEach, describe, expect, it } from "bun:test";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import { REASONS } from "./decide/fits.ts";
import { RESERVED_MS, Reservations } from "./decide/reservations.ts";
import type { ClaimView, NodeView, SubnetView, World } from "./decide/world.ts";
import { Extender } from "./extender.ts";
import type { ExtenderPod } from "./wire/extender-messages.ts";

let clock: ManualClock;
let subnets: Map<string, SubnetView>;
let nodes: Map<string, NodeView>;
let claims: Map<string, ClaimView>;
let failure: Error | undefined;
/** Pods that were bound, with the node and the subnet. */
let bound: string[];
/** The watch does not show what was written yet. */
let lags: boolean;
let known: Map<string, ExtenderPod>;
let reservations: Reservations;
let extender: Extender;

beforeEach(() => {
  clock = createManualClock();
  subnets = new Map([subnet("subnet-a", 3)]);
  nodes = new Map([node("n1"), node("n2"), node("n3")]);
  claims = new Map();
  failure = undefined;
  bound = [];
  lags = false;
  known = new Map();
  reservations = new Reservations();
  extender = new Extender({
    clock,
    reservations,
    view(): Omit<World, "reservations"> {
      if (failure !== undefined) throw failure;
      return { subnets, nodes, claims, addresses: new Map(), configured: [...subnets.keys()] };
    },
    async bind({ PodNamespace, PodName, Node }, { subnetId }) {
      const key = `${PodNamespace}/${PodName}`;
      bound.push(`${key} ${Node} ${subnetId}`);
      if (!lags) show({ key, subnetId, address: undefined, node: Node });
    },
    podOf: (uid) => known.get(uid),
  });
});

/** The watch shows a claim. */
function show(claim: ClaimView): void {
  claims.set(claim.key, claim);
  reservations.saw(claim);
}

function subnet(id: string, free: number): [string, SubnetView] {
  return [id, { id, zone: "zone-1", active: true, free, readAt: 0 }];
}

function node(name: string): [string, NodeView] {
  const limit = { enis: 3, addressesPerEni: 9, addresses: 27 };
  return [name, { name, zone: "zone-1", labelled: [], enis: [], limit, disabled: false }];
}

function pod(name: string): ExtenderPod {
  const made = { metadata: { name, namespace: "shop", uid: `uid-${name}`, annotations: null } };
  known.set(`uid-${name}`, made);
  return made;
}

const everywhere = ["n1", "n2", "n3"];

function bindingOf(name: string, Node: string) {
  return { PodName: name, PodNamespace: "shop", PodUID: `uid-${name}`, Node };
}

describe("filter", () => {
  it("lets as many pods pass as there are addresses, and the next one when a reservation ends", async () => {
    const passes = (name: string) =>
      extender.filter({ Pod: pod(name), NodeNames: everywhere }).NodeNames.length > 0;
    expect(["a", "b", "c", "d"].map(passes)).toEqual([true, true, true, false]);
    // Asked again, a pod has what it had.
    expect(passes("a")).toBe(true);
    await clock.advance(RESERVED_MS);
    expect(passes("d")).toBe(true);
  });

  it("says the same of every node and of every pod that is refused", () => {
    subnets = new Map([subnet("subnet-a", 0)]);
    const refused = { n1: REASONS.insufficient, n2: REASONS.insufficient, n3: REASONS.insufficient };
    for (const name of ["a", "b"]) {
      expect(extender.filter({ Pod: pod(name), NodeNames: everywhere })).toEqual({
        NodeNames: [],
        FailedNodes: refused,
        Error: "",
      });
    }
  });

  it("is an error, and no refusal, while nothing can be decided", () => {
    failure = new Error("the watch of vpcsubnets has not held a complete list yet");
    expect(extender.filter({ Pod: pod("a"), NodeNames: everywhere })).toEqual({
      NodeNames: [],
      FailedNodes: {},
      Error: failure.message,
    });
  });

  it("takes no node for granted where the scheduler names none", () => {
    expect(extender.filter({ Pod: pod("a"), NodeNames: null })).toMatchObject({ NodeNames: [], Error: "" });
  });
});

describe("bind", () => {
  it("writes what filter let pass, and leaves to others what the pod does not take", async () => {
    subnets = new Map([subnet("subnet-a", 1), ["subnet-b", { ...subnet("subnet-b", 1)[1], zone: "zone-2" }]]);
    nodes.set("n3", { ...node("n3")[1], zone: "zone-2" });
    extender.filter({ Pod: pod("a"), NodeNames: everywhere });
    // It may still go to either.
    expect(extender.filter({ Pod: pod("b"), NodeNames: everywhere }).NodeNames).toEqual([]);
    expect(await extender.bind(bindingOf("a", "n3"))).toEqual({ Error: "" });
    expect(bound).toEqual(["shop/a n3 subnet-b"]);
    expect(extender.filter({ Pod: pod("b"), NodeNames: everywhere }).NodeNames).toEqual(["n1", "n2"]);
  });

  it("keeps what a pod took while the watch does not show its claim", async () => {
    subnets = new Map([subnet("subnet-a", 1)]);
    const passes = (name: string) =>
      extender.filter({ Pod: pod(name), NodeNames: everywhere }).NodeNames.length > 0;
    lags = true;
    expect(passes("a")).toBe(true);
    await extender.bind(bindingOf("a", "n1"));
    await clock.advance(RESERVED_MS);
    expect(passes("b")).toBe(false);
    show({ key: "shop/a", subnetId: "subnet-a", address: "10.0.16.5", node: "n1" });
    expect(passes("b")).toBe(true);
  });

  it("refuses a node that the pod does not fit, and a pod that is not known", async () => {
    nodes.set("n1", { ...node("n1")[1], disabled: true });
    pod("a");
    expect(await extender.bind(bindingOf("a", "n1"))).toEqual({ Error: `${REASONS.noEnis} on n1` });
    expect((await extender.bind(bindingOf("nobody", "n2"))).Error).toContain("shop/nobody is not known here");
    expect(bound).toEqual([]);
  });
});

it("prioritize prefers an ENI that is there, and knows no better where nothing can be decided", () => {
  nodes.set("n2", { ...node("n2")[1], enis: [{ subnetId: "subnet-a", addresses: 0 }] });
  nodes.set("n3", { ...node("n3")[1], disabled: true });
  const ask = () => extender.prioritize({ Pod: pod("a"), NodeNames: everywhere });
  expect(ask()).toEqual([
    { Host: "n1", Score: 5 },
    { Host: "n2", Score: 10 },
    { Host: "n3", Score: 0 },
  ]);
  failure = new Error("not yet");
  expect(ask().map(({ Score }) => Score)).toEqual([0, 0, 0]);
});

it("preempt keeps those candidates where filter would let the pod pass, and evicts nobody elsewhere", () => {
  nodes.set("n2", { ...node("n2")[1], disabled: true });
  const victims = { Pods: [{ UID: "v" }], NumPDBViolations: 0 };
  const candidates = { n1: victims, n2: victims };
  expect(extender.preempt({ Pod: pod("a"), NodeNameToMetaVictims: candidates })).toEqual({
    NodeNameToMetaVictims: { n1: victims },
  });
  subnets = new Map([subnet("subnet-a", 0)]);
  expect(extender.preempt({ Pod: pod("a"), NodeNameToMetaVictims: candidates })).toEqual({
    NodeNameToMetaVictims: {},
  });
});
