import { describe, expect, it } from "bun:test";
import { POD_ANNOTATIONS } from "../../api/annotations.ts";
import { madeNumbers } from "../testing/cluster-view.ts";
import {
  type MadeParts,
  madeAddress,
  madeClaim,
  madeCluster,
  madeNode,
  madePod,
  madeSubnet,
  READ_AT,
} from "../testing/made-world.ts";
import { chooseNodes } from "./choose-nodes.ts";
import { Places } from "./places.ts";
import { REASONS } from "./refusal.ts";
import { Reservations } from "./reservations.ts";
import type { ClusterView, Fit, NodeView, PodView } from "./world.ts";

const NOW = READ_AT;
const NONE_LEFT = `${REASONS.insufficient}: 0 of 253 addresses left in subnet-a`;
const NONE_FOR_ENI = `${REASONS.insufficient}: fewer than 2 of 253 addresses left in subnet-a, and another ENI takes one for itself`;

const eni = (subnetId: string, addresses = 0) => ({ id: "eni-1", subnetId, addresses });
const small = { enis: 1, addressesPerEni: 9, addresses: 9 };
const here = madeNode("n", { enis: [eni("subnet-a")] });

/** What the pod is answered of one node. */
function ask(
  pod: PodView,
  node: NodeView | undefined,
  parts: MadeParts | ClusterView,
  reserved = new Reservations(madeNumbers),
): Fit | string | undefined {
  const view =
    "spokenFor" in parts ? parts : madeCluster({ nodes: node === undefined ? [] : [node], ...parts });
  const name = node?.name ?? "gone";
  const { fitting, refused } = chooseNodes(pod, [name], { ...view, reserved });
  return fitting.get(name) ?? refused[name];
}

it("tells of a node once that is named twice", () => {
  const world = { ...madeCluster({ nodes: [here] }), reserved: new Reservations(madeNumbers) };
  const { fitting, passed } = chooseNodes(madePod("a"), ["n", "n"], world);
  expect([fitting.size, passed]).toEqual([1, ["n"]]);
});

describe("a pod without an address", () => {
  const pod = madePod("a");

  it("fits where a subnet of the node's zone has addresses, and the node room: on an ENI first", () => {
    const subnets = [
      madeSubnet("subnet-a", { free: 5 }),
      madeSubnet("subnet-b"),
      madeSubnet("subnet-far", { zone: "zone-2" }),
    ];
    expect(ask(pod, madeNode("n"), { subnets })).toMatchObject({ subnetId: "subnet-b", hasEni: false });
    expect(ask(pod, here, { subnets })).toMatchObject({ subnetId: "subnet-a", hasEni: true });
    expect(ask(pod, madeNode("n", { zone: "zone-3" }), { subnets })).toBe(
      `${REASONS.insufficient}: of subnet-a, subnet-b, subnet-far none gives addresses in zone-3`,
    );
  });

  it("has the place that its own claim awaits, and one on an ENI that is being made, rather than one of a subnet with less left", () => {
    const enis = [eni("subnet-a", 8), { ...eni("subnet-b"), id: "eni-2" }];
    const subnets = [madeSubnet("subnet-a", { free: 50 }), madeSubnet("subnet-b", { free: 10 })];
    const own = madeClaim("a", { node: "n" });
    expect(ask(pod, madeNode("n", { enis }), { subnets, claims: [own] })).toMatchObject({
      subnetId: "subnet-a",
    });
    const full = [eni("subnet-a", 9), ...enis.slice(1)];
    const node = madeNode("n", { enis: full, creatingIn: "subnet-a" });
    expect(ask(pod, node, { subnets })).toMatchObject({ subnetId: "subnet-a", hasEni: true });
  });

  it("is told what is in the way, by what does not change with those on their way", () => {
    const of = (more: object) => ({ subnets: [madeSubnet("subnet-a", more)] });
    expect(ask(pod, here, of({ free: 0 }))).toBe(NONE_LEFT);
    expect(ask(pod, madeNode("n"), of({ free: 0 }))).toBe(NONE_FOR_ENI);
    expect(ask(pod, here, of({ active: false }))).toBe(
      `${REASONS.insufficient}: of subnet-a none gives addresses in zone-1`,
    );
    expect(ask(pod, here, of({ free: undefined }))).toBe(
      `${REASONS.insufficient}: what is left in subnet-a is not known yet`,
    );
    const elsewhere = madeNode("n", { enis: [eni("subnet-b")], limit: small });
    expect(ask(pod, elsewhere, {})).toBe(`${REASONS.insufficient}: 1 of 1 ENIs, none with room in subnet-a`);
    const full = madeNode("n", { enis: [eni("subnet-a", 9)], limit: small });
    expect(ask(pod, full, {})).toBe(`${REASONS.insufficient}: 9 of 9 addresses on the node`);
    expect(ask(pod, madeNode("n", { disabled: true }), {})).toBe(REASONS.noEnis);
    expect(ask(pod, undefined, {})).toBe(REASONS.noEnis);
    const many = ["d", "c", "b", "a", "e"].map((id) => madeSubnet(`subnet-${id}`, { free: 0, total: 9 }));
    const all = madeNode("n", { enis: many.map(({ id }) => eni(id)) });
    expect(ask(pod, all, { subnets: many })).toBe(
      `${REASONS.insufficient}: 0 of 9 addresses left in subnet-a; 0 of 9 addresses left in subnet-b; 0 of 9 addresses left in subnet-c; and 2 more`,
    );
  });

  it("goes by the pod's word, then the node's, then the cluster's", () => {
    const subnets = ["subnet-a", "subnet-b", "subnet-c"].map((id) => madeSubnet(id));
    const labelled = madeNode("n", { labelled: ["subnet-b"] });
    const parts = { subnets, configured: ["subnet-a"] };
    expect(ask(pod, madeNode("n"), parts)).toMatchObject({ subnetId: "subnet-a" });
    expect(ask(pod, labelled, parts)).toMatchObject({ subnetId: "subnet-b" });
    expect(ask(madePod("a", { nominated: ["subnet-c"] }), labelled, parts)).toMatchObject({
      subnetId: "subnet-c",
    });
    // --only-nominated-eni-subnets
    expect(ask(pod, madeNode("n"), { ...parts, configured: [] })).toBe(
      `${REASONS.insufficient}: no container subnet gives addresses in zone-1`,
    );
  });

  it("goes nowhere while an annotation is wrong", () => {
    expect(ask(madePod("a", { mistake: 'x is "y": remove it' }), here, {})).toBe(
      `${REASONS.annotation}: x is "y": remove it`,
    );
  });
});

describe("a pod that names an address", () => {
  const pod = madePod("a", { address: "10.0.16.20" });
  const subnets = [madeSubnet("subnet-b", { cidr: "10.0.17.0/24" }), madeSubnet("subnet-a")];

  it("goes where that address can be", () => {
    const nodes = [here, madeNode("b", { enis: [eni("subnet-b")] })];
    const [onA, onB] = nodes.map((node) => ask(pod, node, { subnets, nodes }));
    expect(onA).toMatchObject({ subnetId: "subnet-a", hasEni: true });
    expect(onB).toMatchObject({ subnetId: "subnet-a", hasEni: false });
  });

  it("is refused where nobody can have it", () => {
    const says = (address: string) =>
      `${REASONS.annotation}: ${POD_ANNOTATIONS.nominatedAddress} is "${address}"`;
    expect(ask(madePod("a", { address: "10.0.18.20" }), here, { subnets })).toBe(
      `${says("10.0.18.20")}, which is of no container subnet: name an address of one, or none`,
    );
    expect(ask(madePod("a", { address: "10.0.16.1" }), here, { subnets })).toBe(
      `${says("10.0.16.1")}, which subnet-a keeps for itself: name another address, or none`,
    );
    expect(ask(pod, here, { subnets: [madeSubnet("subnet-a", { active: false })] })).toBe(
      `${says("10.0.16.20")}, and subnet-a gives no new addresses: name one of another subnet, or none`,
    );
  });

  it("is refused while somebody else has it: another pod, any pod, an ENI, a claim, one on its way out", () => {
    const bound = (claim?: string) => ({ subnets, addresses: [madeAddress("10.0.16.20", { claim })] });
    expect(ask(pod, here, bound("shop/b"))).toBe(
      `${REASONS.addressInUse}: tke.cloud.tencent.com/nominated-vpc-ip is "10.0.16.20", which the claim shop/b has: name another address, or have that one given back`,
    );
    expect(ask(pod, here, bound())).toStartWith(REASONS.addressInUse);
    const claimed = (leaving: boolean) => ({
      subnets,
      claims: [madeClaim("b", { address: "10.0.16.20", leaving })],
    });
    expect(ask(pod, here, claimed(false))).toStartWith(REASONS.addressInUse);
    expect(ask(pod, here, claimed(true))).toStartWith(REASONS.addressInUse);
  });

  it("is refused while another that names it has been let pass", () => {
    const reserved = new Reservations(madeNumbers);
    const fit = { subnetId: "subnet-a", hasEni: true, takes: 1 } as const;
    reserved.reserve("uid-b", {
      places: Places.of(madeNumbers, [["n", fit]]),
      address: "10.0.16.20",
      now: NOW,
    });
    expect(ask(pod, here, { subnets }, reserved)).toStartWith(REASONS.addressInUse);
    reserved.end("uid-b");
    expect(ask(pod, here, { subnets }, reserved)).toMatchObject({ subnetId: "subnet-a" });
  });

  it("has that of its name before any that it names", () => {
    const claims = [madeClaim("a", { address: "10.0.17.9", subnetId: "subnet-b" })];
    expect(ask(pod, here, { subnets, claims })).toMatchObject({ subnetId: "subnet-b" });
  });
});

describe("a pod with an address", () => {
  it("takes nothing where it is, also where its ENI is full and the node may have another", () => {
    const home = madeNode("n", { enis: [eni("subnet-a", 9)] });
    const claims = [madeClaim("a", { address: "10.0.16.5" })];
    const addresses = [madeAddress("10.0.16.5", { eniId: "eni-1", claim: "shop/a" })];
    const fit = ask(madePod("a"), home, { claims, addresses });
    expect(fit).toEqual({ subnetId: "subnet-a", hasEni: true, takes: 0 });
  });

  const pod = madePod("a");
  const claim = madeClaim("a", { address: "10.0.16.5", node: "gone" });
  const crowded = madeNode("n", { enis: [{ ...eni("subnet-a", 9), id: "eni-n" }], limit: small });
  const bound = madeAddress("10.0.16.5", { claim: "shop/a", eniId: "eni-n" });

  it("goes to its node, and to any other of its subnet with room, also when the subnet is full or drains", () => {
    const subnets = [madeSubnet("subnet-a", { free: 0, active: false })];
    const addresses = [bound];
    const parts = { subnets, claims: [claim], addresses };
    expect(ask(pod, crowded, parts)).toMatchObject({ subnetId: "subnet-a", hasEni: true });
    expect(ask(pod, madeNode("other", { enis: [eni("subnet-a", 8)] }), parts)).toMatchObject({
      hasEni: true,
    });
    expect(ask(pod, { ...crowded, name: "other" }, parts)).toBe(
      `${REASONS.eniLimit}: 9 of 9 addresses on the node`,
    );
    // For another ENI the subnet has no address left.
    expect(ask(pod, madeNode("new"), parts)).toContain(REASONS.insufficient);
  });

  it("has the one that is bound under its name, where the claim does not name it yet", () => {
    const claims = [madeClaim("a", { node: "gone" })];
    const addresses = [bound];
    expect(ask(pod, crowded, { claims, addresses })).toMatchObject({ hasEni: true });
  });

  it("is not at home on a node whose name another machine had: what is on that one's ENIs has to come here", () => {
    const addresses = [{ ...bound, eniId: "eni-former" }];
    expect(ask(pod, crowded, { claims: [claim], addresses })).toBe(
      `${REASONS.eniLimit}: 9 of 9 addresses on the node`,
    );
    const elsewhere = madeNode("n", { zone: "zone-far" });
    expect(ask(pod, elsewhere, { claims: [claim], addresses })).toContain(REASONS.eniLimit);
  });

  it("may have an ENI made for it in its subnet's zone, and nowhere else", () => {
    expect(ask(pod, madeNode("n"), { claims: [claim] })).toMatchObject({
      subnetId: "subnet-a",
      hasEni: false,
    });
    expect(ask(pod, madeNode("n", { zone: "zone-2" }), { claims: [claim] })).toBe(
      `${REASONS.eniLimit}: subnet-a is in zone-1, and the node in zone-2`,
    );
    // Others were sent there when a machine of their zone had the node's name.
    const stranded = madeClaim("b", { address: "10.0.16.9", node: "n" });
    expect(ask(pod, madeNode("n", { zone: "zone-2" }), { claims: [claim, stranded] })).toBe(
      `${REASONS.eniLimit}: subnet-a is in zone-1, and the node in zone-2`,
    );
    expect(ask(pod, madeNode("n", { limit: { ...small, enis: 0 } }), { claims: [claim] })).toBe(
      `${REASONS.eniLimit}: 0 of 0 ENIs, none with room in subnet-a`,
    );
    expect(ask(pod, madeNode("n"), { subnets: [], claims: [claim] })).toContain(REASONS.eniLimit);
    const byHand = madeClaim("a", { subnetId: "", address: "10.9.9.9" });
    expect(ask(pod, madeNode("n"), { claims: [byHand] })).toBe(
      `${REASONS.eniLimit}: its address 10.9.9.9 is of no container subnet`,
    );
  });

  it("is as one without an address while its claim is being deleted", () => {
    const subnets = [madeSubnet("subnet-b"), madeSubnet("subnet-a", { zone: "zone-2" })];
    const leaving = { ...claim, leaving: true };
    expect(ask(pod, madeNode("n"), { subnets, claims: [leaving] })).toMatchObject({ subnetId: "subnet-b" });
  });
});

describe("what is left of a subnet", () => {
  const pod = madePod("a");
  const free = (count: number) => [madeSubnet("subnet-a", { free: count })];

  it("is less claims without an address, addresses promised and not bound, and what came after the reading", () => {
    const waiting = madeClaim("w", { node: "n" });
    const kept = madeClaim("k", { address: "10.0.16.7" });
    const later = madeAddress("10.0.16.9", { since: NOW + 1 });
    expect(ask(pod, here, { subnets: free(3), claims: [waiting, kept] })).toMatchObject({ hasEni: true });
    expect(ask(pod, here, { subnets: free(3), claims: [waiting, kept], addresses: [later] })).toBe(NONE_LEFT);
    // Kept, and bound: the reading has it.
    const bound = madeAddress("10.0.16.7", { claim: "shop/k" });
    expect(ask(pod, here, { subnets: free(1), claims: [kept], addresses: [bound] })).toMatchObject({});
    expect(
      ask(pod, here, { subnets: free(0), claims: [{ ...kept, leaving: true }], addresses: [bound] }),
    ).toBe(NONE_LEFT);
  });

  it("is less the addresses of ENIs that claims await, and of one that is being made", () => {
    const bare = madeNode("m");
    const waiting = madeClaim("w", { node: "m" });
    const parts = (count: number) => ({ subnets: free(count), nodes: [here, bare], claims: [waiting] });
    expect(ask(pod, here, parts(3))).toMatchObject({ hasEni: true });
    expect(ask(pod, here, parts(2))).toBe(NONE_LEFT);
    // On the awaited one there is room.
    expect(ask(pod, bare, parts(3))).toMatchObject({ hasEni: true });
    const making = madeNode("m", { creatingIn: "subnet-a" });
    expect(ask(pod, here, { subnets: free(1), nodes: [here, making] })).toBe(NONE_LEFT);
  });

  it("counts a claim for its own pod: one that was made before its pod was bound stands in no way", () => {
    const own = madeClaim("a", { node: "n" });
    const bare = madeNode("n");
    expect(ask(pod, here, { subnets: free(1), claims: [own] })).toMatchObject({ hasEni: true });
    expect(ask(pod, bare, { subnets: free(2), claims: [own] })).toMatchObject({ hasEni: false });
    expect(ask(pod, bare, { subnets: free(1), claims: [own] })).toBe(NONE_FOR_ENI);
    expect(ask(madePod("b"), here, { subnets: free(1), claims: [own] })).toBe(NONE_LEFT);
  });

  it("is less what others were let pass for, and an ENI for each node that may need one", () => {
    const reserved = new Reservations(madeNumbers);
    const fit = (hasEni: boolean) => ({ subnetId: "subnet-a", hasEni, takes: 1 }) as const;
    const limit = { enis: 3, addressesPerEni: 2, addresses: 6 };
    const nodes = [here, madeNode("x", { limit }), madeNode("y", { limit })];
    const left = (count: number) =>
      typeof ask(pod, here, { subnets: free(count), nodes }, reserved) !== "string";
    reserved.reserve("b", { places: Places.of(madeNumbers, [["n", fit(true)]]), now: NOW });
    expect([left(1), left(2)]).toEqual([false, true]);
    // To either of two: it takes one ENI at most.
    const either = Places.of(madeNumbers, [
      ["x", fit(false)],
      ["y", fit(false)],
    ]);
    reserved.reserve("c", { places: either, now: NOW });
    expect([left(3), left(4)]).toEqual([false, true]);
    reserved.reserve("d", { places: either, now: NOW });
    expect([left(5), left(6)]).toEqual([false, true]);
    // To one of two nodes with ENIs of two: a third one comes to an ENI that another has made, or has a third one made.
    const one = Places.of(madeNumbers, [["x", fit(false)]]);
    for (const uid of ["c", "d", "e"]) reserved.reserve(uid, { places: one, now: NOW });
    expect([left(6), left(7)]).toEqual([false, true]);
    // One that has its address already takes none.
    reserved.reserve("f", { places: Places.of(madeNumbers, [["n", { ...fit(true), takes: 0 }]]), now: NOW });
    expect([left(6), left(7)]).toEqual([false, true]);
    for (const uid of ["b", "c", "d", "e", "f"]) reserved.end(uid);
    expect([left(0), left(1)]).toEqual([false, true]);
  });
});

describe("room on a node", () => {
  it("is kept for addresses that are on their way to it", () => {
    const node = madeNode("n", { enis: [eni("subnet-a", 8)], limit: small });
    const coming = madeClaim("w", { address: "10.0.16.7", node: "n" });
    expect(ask(madePod("a"), node, {})).toMatchObject({ hasEni: true });
    expect(ask(madePod("a"), node, { claims: [coming] })).toContain("9 of 9 addresses on the node");
  });

  it("is kept for ENIs that are to be made in other subnets", () => {
    const subnets = [madeSubnet("subnet-a"), madeSubnet("subnet-b")];
    const limit = { enis: 2, addressesPerEni: 9, addresses: 18 };
    const node = madeNode("n", { enis: [eni("subnet-c", 0)], limit });
    const claims = [madeClaim("w", { subnetId: "subnet-b", node: "n" })];
    const pod = madePod("a", { nominated: ["subnet-a"] });
    expect(ask(pod, node, { subnets })).toMatchObject({ hasEni: false });
    expect(ask(pod, node, { subnets, claims })).toContain("2 of 2 ENIs, none with room in subnet-a");
    expect(ask(pod, { ...node, creatingIn: "subnet-b" }, { subnets })).toContain("2 of 2 ENIs");
  });
});

it("lets exactly as many pods pass as there are addresses, however many ask at once", () => {
  const limit = { enis: 7, addressesPerEni: 29, addresses: 203 };
  const nodes = ["n1", "n2", "n3"].map((name) => madeNode(name, { limit, enis: [eni("subnet-a")] }));
  const view = madeCluster({ subnets: [madeSubnet("subnet-a", { free: 20 })], nodes });
  const reserved = new Reservations(madeNumbers);
  const passed = Array.from({ length: 50 }, (_, i) => madePod(`p${i}`)).filter((pod) => {
    const { fitting } = chooseNodes(pod, ["n1", "n2", "n3"], { ...view, reserved });
    if (fitting.size > 0) reserved.reserve(pod.uid, { places: fitting, now: NOW });
    return fitting.size > 0;
  });
  expect(passed).toHaveLength(20);
});
