import { beforeEach, describe, expect, it } from "bun:test";
import { POD_ANNOTATIONS } from "../api/annotations.ts";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import { REASONS } from "./decide/refusal.ts";
import { RESERVED_MS, Reservations } from "./decide/reservations.ts";
import type { AddressView, ClaimView, ClusterView, NodeView, SubnetView } from "./decide/world.ts";
import { Extender } from "./extender.ts";
import { clusterView, madeNumbers } from "./testing/cluster-view.ts";
import { madeAddress, madeClaim, madeNode, madeSubnet } from "./testing/made-world.ts";
import type { ExtenderPod } from "./wire/extender-messages.ts";

const NONE_LEFT = `${REASONS.insufficient}: 0 of 253 addresses left in subnet-a`;

let clock: ManualClock;
let subnets: Map<string, SubnetView>;
let nodes: Map<string, NodeView>;
let claims: Map<string, ClaimView>;
let addresses: Map<string, AddressView>;
let failure: Error | undefined;
/** What becomes of a bind. */
let bindFails: Error | undefined;
/** Pods that were bound, with the node, the subnet and the address. */
let bound: string[];
/** The watch does not show what was written yet. */
let lags: boolean;
let known: Map<string, ExtenderPod>;
/** What filter told of pods. */
let decided: string[];
let reservations: Reservations;
let extender: Extender;

beforeEach(() => {
  clock = createManualClock();
  subnets = new Map([subnet("subnet-a", 3)]);
  nodes = new Map([node("n1"), node("n2"), node("n3")]);
  claims = new Map();
  addresses = new Map();
  failure = undefined;
  bindFails = undefined;
  bound = [];
  lags = false;
  known = new Map();
  decided = [];
  reservations = new Reservations(madeNumbers);
  extender = new Extender({
    clock,
    reservations,
    view(): ClusterView {
      if (failure !== undefined) throw failure;
      return clusterView({ subnets, nodes, claims, addresses, configured: [...subnets.keys()] });
    },
    async bind({ args: { PodNamespace, PodName, Node }, subnetId, address }) {
      if (bindFails !== undefined) throw bindFails;
      const key = `${PodNamespace}/${PodName}`;
      bound.push([key, Node, subnetId, address ?? ""].join(" ").trim());
      if (!lags) show({ ...madeClaim(PodName), subnetId, node: Node, address });
    },
    podOf: (uid) => known.get(uid),
    filtered: (uid, { names, passed }) => decided.push(`${uid} ${passed} ${names.join()}`),
    preempted: (uid, { names, passed }) => decided.push(`${uid} evicts ${passed} ${names.join()}`),
  });
});

/** The watch shows a claim. */
function show(claim: ClaimView): void {
  claims.set(claim.key, claim);
  reservations.saw(claim);
}

function subnet(id: string, free: number): [string, SubnetView] {
  return [id, madeSubnet(id, { free, readAt: 0 })];
}

/** With an ENI in the first subnet. */
function node(name: string): [string, NodeView] {
  return [name, madeNode(name, { enis: [{ id: "eni-1", subnetId: "subnet-a", addresses: 0 }] })];
}

function pod(name: string, annotations: Record<string, string> = {}): ExtenderPod {
  const made = { metadata: { name, namespace: "shop", uid: `uid-${name}`, annotations } };
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
    expect(decided.slice(-3)).toEqual(["uid-d false n1,n2,n3", "uid-a true n1,n2,n3", "uid-d true n1,n2,n3"]);
  });

  it("says the same of every node and of every pod that is refused", () => {
    subnets = new Map([subnet("subnet-a", 0)]);
    const refused = { n1: NONE_LEFT, n2: NONE_LEFT, n3: NONE_LEFT };
    for (const name of ["a", "b"]) {
      expect(extender.filter({ Pod: pod(name), NodeNames: everywhere })).toEqual({
        NodeNames: [],
        FailedNodes: {},
        FailedAndUnresolvableNodes: refused,
        Error: "",
      });
    }
  });

  it("is an error, and no refusal, while nothing can be decided", () => {
    failure = new Error("the watch of vpcsubnets has not held a complete list yet");
    expect(extender.filter({ Pod: pod("a"), NodeNames: everywhere })).toEqual({
      NodeNames: [],
      FailedNodes: {},
      FailedAndUnresolvableNodes: {},
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
    nodes.set("n3", {
      ...node("n3")[1],
      zone: "zone-2",
      enis: [{ id: "eni-1", subnetId: "subnet-b", addresses: 0 }],
    });
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
    show(madeClaim("a", { address: "10.0.16.5", node: "n1" }));
    addresses.set("10.0.16.5", madeAddress("10.0.16.5", { node: "n1", claim: "shop/a" }));
    expect(passes("b")).toBe(true);
  });

  it("keeps what a pod took when its claim may have been written all the same, until the pod ends", async () => {
    subnets = new Map([subnet("subnet-a", 1)]);
    const passes = (name: string) =>
      extender.filter({ Pod: pod(name), NodeNames: everywhere }).NodeNames.length > 0;
    expect(passes("a")).toBe(true);
    bindFails = new Error("no answer in time");
    expect(await extender.bind(bindingOf("a", "n1"))).toEqual({ Error: "no answer in time" });
    expect(passes("b")).toBe(false);
    // Tried again, it has what it took.
    expect(passes("a")).toBe(true);
    reservations.gone("uid-a", clock.monotonic());
    expect(passes("b")).toBe(true);
    // The scheduler may not know yet that it is gone.
    reservations.end("uid-b");
    expect(passes("a")).toBe(true);
    expect(passes("b")).toBe(true);
  });

  it("leaves to others what a pod might have had that it did not take: it is asked about anew", async () => {
    subnets = new Map([subnet("subnet-a", 1)]);
    const passes = (name: string) =>
      extender.filter({ Pod: pod(name), NodeNames: everywhere }).NodeNames.length > 0;
    expect(passes("a")).toBe(true);
    known.delete("uid-a");
    expect((await extender.bind(bindingOf("a", "n1"))).Error).toContain("is not known here yet");
    expect(passes("b")).toBe(true);
    nodes.set("n1", { ...node("n1")[1], disabled: true });
    expect((await extender.bind(bindingOf("b", "n1"))).Error).toContain(REASONS.noEnis);
    expect(passes("a")).toBe(true);
  });

  it("keeps nothing besides a claim that an earlier try has written, which the watch does not show again", async () => {
    lags = true;
    bindFails = new Error("no answer in time");
    extender.filter({ Pod: pod("a"), NodeNames: ["n1"] });
    await extender.bind(bindingOf("a", "n1"));
    show(madeClaim("a", { node: "n1" }));
    bindFails = undefined;
    expect(extender.filter({ Pod: pod("a"), NodeNames: ["n1"] }).NodeNames).toEqual(["n1"]);
    expect(await extender.bind(bindingOf("a", "n1"))).toEqual({ Error: "" });
    expect(reservations.has("uid-a")).toBe(false);
    expect(reservations.onNode("n1").pods).toBe(0);
  });

  it("names the address that a pod names, unless it has another", async () => {
    const wanting = (name: string) => pod(name, { [POD_ANNOTATIONS.nominatedAddress]: "10.0.16.20" });
    expect(extender.filter({ Pod: wanting("a"), NodeNames: everywhere }).NodeNames).toEqual(everywhere);
    expect(extender.filter({ Pod: wanting("b"), NodeNames: ["n1"] })).toMatchObject({
      NodeNames: [],
      FailedAndUnresolvableNodes: { n1: expect.stringMatching(/NominatedIPInUse: .*another pod has/) },
    });
    await extender.bind(bindingOf("a", "n1"));
    show(madeClaim("c", { address: "10.0.16.9" }));
    wanting("c");
    await extender.bind(bindingOf("c", "n2"));
    expect(bound).toEqual(["shop/a n1 subnet-a 10.0.16.20", "shop/c n2 subnet-a"]);
  });

  it("refuses a node that the pod does not fit, and a pod that is not known", async () => {
    nodes.set("n1", { ...node("n1")[1], disabled: true });
    pod("a");
    expect(await extender.bind(bindingOf("a", "n1"))).toEqual({ Error: `${REASONS.noEnis} on n1` });
    expect((await extender.bind(bindingOf("nobody", "n2"))).Error).toContain("shop/nobody is not known here");
    expect(bound).toEqual([]);
  });
});

it("prioritize prefers an ENI that is there, by what filter found, and knows no better where it found nothing", () => {
  nodes.set("n1", { ...node("n1")[1], enis: [] });
  nodes.set("n3", { ...node("n3")[1], disabled: true });
  const ask = (name: string) => extender.prioritize({ Pod: pod(name), NodeNames: everywhere });
  extender.filter({ Pod: pod("a"), NodeNames: everywhere });
  expect(ask("a")).toEqual([
    { Host: "n1", Score: 5 },
    { Host: "n2", Score: 10 },
    { Host: "n3", Score: 0 },
  ]);
  expect(ask("b").map(({ Score }) => Score)).toEqual([0, 0, 0]);
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
  expect(decided).toEqual(["uid-a evicts true n1,n2", "uid-a evicts false n1,n2"]);
});

it("preempt keeps what the pod is to have until its victims are gone", async () => {
  subnets = new Map([subnet("subnet-a", 1)]);
  const victims = { Pods: [{ UID: "v" }], NumPDBViolations: 0 };
  extender.preempt({ Pod: pod("a"), NodeNameToMetaVictims: { n1: victims } });
  await clock.advance(60_000);
  expect(extender.filter({ Pod: pod("b"), NodeNames: everywhere }).NodeNames).toEqual([]);
  expect(extender.filter({ Pod: pod("a"), NodeNames: ["n1"] }).NodeNames).toEqual(["n1"]);
});

it("preempt's place is kept while victims end and filter is asked about other nodes, where the pod cannot go", async () => {
  subnets = new Map([subnet("subnet-a", 1)]);
  nodes.set("n3", { ...node("n3")[1], disabled: true });
  const victims = { Pods: [{ UID: "v" }, { UID: "w" }], NumPDBViolations: 0 };
  const a = pod("a");
  extender.filter({ Pod: a, NodeNames: ["n3"] });
  extender.preempt({ Pod: a, NodeNameToMetaVictims: { n1: victims } });
  // One of them has ended: of n1 the scheduler does not ask yet.
  expect(extender.filter({ Pod: a, NodeNames: ["n3"] }).NodeNames).toEqual([]);
  expect(extender.filter({ Pod: pod("b"), NodeNames: ["n2"] }).NodeNames).toEqual([]);
  expect(extender.filter({ Pod: a, NodeNames: ["n1", "n3"] }).NodeNames).toEqual(["n1"]);
  // From there on it is a pod that was let pass, as any other.
  expect(extender.filter({ Pod: a, NodeNames: ["n3"] }).NodeNames).toEqual([]);
  expect(extender.filter({ Pod: pod("b"), NodeNames: ["n2"] }).NodeNames).toEqual(["n2"]);
});
