import { describe, expect, it } from "bun:test";
import { fits, REASONS, tallyOf } from "./fits.ts";
import type { AddressView, ClaimView, NodeView, PodView, SubnetView, World } from "./world.ts";

const NOW = 1_000_000;

function subnet(id: string, more: Partial<SubnetView> = {}): SubnetView {
  return { id, zone: "zone-1", active: true, free: 100, readAt: NOW, ...more };
}

function node(name: string, more: Partial<NodeView> = {}): NodeView {
  const limit = { enis: 3, addressesPerEni: 9, addresses: 27 };
  return { name, zone: "zone-1", labelled: [], enis: [], limit, disabled: false, ...more };
}

function eni(subnetId: string, addresses = 0) {
  return { subnetId, addresses };
}

function pod(name: string, nominated: readonly string[] = []): PodView {
  return { key: `shop/${name}`, uid: `uid-${name}`, nominated };
}

function world(more: {
  subnets?: readonly SubnetView[];
  nodes?: readonly NodeView[];
  addresses?: readonly AddressView[];
  claims?: readonly ClaimView[];
  reservations?: World["reservations"];
  configured?: readonly string[];
}): World {
  const { subnets = [subnet("subnet-a")], nodes = [], addresses = [], claims = [], reservations = [] } = more;
  return {
    subnets: new Map(subnets.map((s) => [s.id, s])),
    nodes: new Map(nodes.map((n) => [n.name, n])),
    addresses: new Map(addresses.map((a) => [a.address, a])),
    claims: new Map(claims.map((c) => [c.key, c])),
    reservations,
    configured: more.configured ?? subnets.map(({ id }) => id),
  };
}

function ask(of: PodView, where: NodeView | undefined, of_world: World) {
  return fits(of, where, { world: of_world, tally: tallyOf(of_world, NOW) });
}

describe("a pod without an address", () => {
  it("fits where a subnet of the node's zone has addresses, and the node room: on an ENI first", () => {
    const subnets = [
      subnet("subnet-a", { free: 5 }),
      subnet("subnet-b"),
      subnet("subnet-far", { zone: "zone-2" }),
    ];
    expect(ask(pod("a"), node("n"), world({ subnets }))).toEqual({ subnetId: "subnet-b", hasEni: false });
    expect(ask(pod("a"), node("n", { enis: [eni("subnet-a")] }), world({ subnets }))).toEqual({
      subnetId: "subnet-a",
      hasEni: true,
    });
    expect(ask(pod("a"), node("n", { zone: "zone-3" }), world({ subnets }))).toBe(REASONS.insufficient);
  });

  it.each<[string, Partial<SubnetView>]>([
    ["is disabled or drains", { active: false }],
    ["is full", { free: 0 }],
    ["was never read", { free: undefined }],
  ])("does not fit where the only subnet %s", (_, more) => {
    expect(ask(pod("a"), node("n"), world({ subnets: [subnet("subnet-a", more)] }))).toBe(
      REASONS.insufficient,
    );
  });

  it("goes by the pod's word, then the node's, then the cluster's", () => {
    const subnets = ["subnet-a", "subnet-b", "subnet-c"].map((id) => subnet(id));
    const of = world({ subnets, configured: ["subnet-a"] });
    const labelled = node("n", { labelled: ["subnet-b"] });
    expect(ask(pod("a"), node("n"), of)).toMatchObject({ subnetId: "subnet-a" });
    expect(ask(pod("a"), labelled, of)).toMatchObject({ subnetId: "subnet-b" });
    expect(ask(pod("a", ["subnet-c"]), labelled, of)).toMatchObject({ subnetId: "subnet-c" });
    // --only-nominated-eni-subnets
    expect(ask(pod("a"), node("n"), { ...of, configured: [] })).toBe(REASONS.insufficient);
  });

  it("does not fit a node without room: full, at its ENI limit, disabled, or none of ours", () => {
    const full = node("n", {
      enis: [eni("subnet-a", 9)],
      limit: { enis: 1, addressesPerEni: 9, addresses: 9 },
    });
    expect(ask(pod("a"), full, world({}))).toBe(REASONS.insufficient);
    const elsewhere = node("n", {
      enis: [eni("subnet-b")],
      limit: { enis: 1, addressesPerEni: 9, addresses: 9 },
    });
    expect(ask(pod("a"), elsewhere, world({}))).toBe(REASONS.insufficient);
    expect(ask(pod("a"), node("n", { disabled: true }), world({}))).toBe(REASONS.noEnis);
    expect(ask(pod("a"), undefined, world({}))).toBe(REASONS.noEnis);
  });
});

describe("a pod with an address", () => {
  const claim: ClaimView = { key: "shop/a", subnetId: "subnet-a", address: "10.0.16.5", node: "gone" };

  it("goes to its node, and to any other of its subnet with room, also when the subnet is full or drains", () => {
    const subnets = [subnet("subnet-a", { free: 0, active: false })];
    const here: AddressView = {
      address: "10.0.16.5",
      subnetId: "subnet-a",
      node: "n",
      claim: "shop/a",
      createdAt: 0,
    };
    const of = world({ subnets, claims: [claim], addresses: [here] });
    const crowded = node("n", {
      enis: [eni("subnet-a", 9)],
      limit: { enis: 1, addressesPerEni: 9, addresses: 9 },
    });
    expect(ask(pod("a"), crowded, of)).toEqual({ subnetId: "subnet-a", hasEni: true });
    expect(ask(pod("a"), node("other", { enis: [eni("subnet-a", 8)] }), of)).toMatchObject({ hasEni: true });
    expect(ask(pod("a"), { ...crowded, name: "other" }, of)).toBe(REASONS.eniLimit);
  });

  it("may have an ENI made for it in its subnet's zone, and nowhere else", () => {
    const of = world({ claims: [claim] });
    expect(ask(pod("a"), node("n"), of)).toEqual({ subnetId: "subnet-a", hasEni: false });
    expect(ask(pod("a"), node("n", { zone: "zone-2" }), of)).toBe(REASONS.eniLimit);
    expect(ask(pod("a"), node("n"), world({ subnets: [], claims: [claim] }))).toBe(REASONS.eniLimit);
  });
});

describe("what is promised", () => {
  it("lets exactly as many pods pass as there are addresses, however many ask at once", () => {
    const nodes = ["n1", "n2", "n3"].map((name) =>
      node(name, { limit: { enis: 7, addressesPerEni: 29, addresses: 203 } }),
    );
    const reservations: World["reservations"][number][] = [];
    const passed = Array.from({ length: 50 }, (_, i) => pod(`p${i}`)).filter((each) => {
      const of = world({ subnets: [subnet("subnet-a", { free: 20 })], nodes, reservations });
      const found = nodes.flatMap((n) => {
        const fit = ask(each, n, of);
        return typeof fit === "string" ? [] : [[n.name, fit.subnetId] as const];
      });
      if (found.length === 0) return false;
      reservations.push({
        podUid: each.uid,
        nodes: new Set(found.map(([name]) => name)),
        subnets: new Set(found.map(([, id]) => id)),
        expiresAt: NOW + 1,
      });
      return true;
    });
    expect(passed).toHaveLength(20);
  });

  it("does not stand in the way of the pod that it is for, and ends", () => {
    const reservation = {
      podUid: "uid-a",
      nodes: new Set(["n"]),
      subnets: new Set(["subnet-a"]),
      expiresAt: NOW + 1,
    };
    const of = world({ subnets: [subnet("subnet-a", { free: 1 })], reservations: [reservation] });
    expect(ask(pod("a"), node("n"), of)).toMatchObject({ subnetId: "subnet-a" });
    expect(ask(pod("b"), node("n"), of)).toBe(REASONS.insufficient);
    const over = { ...of, reservations: [{ ...reservation, expiresAt: NOW }] };
    expect(ask(pod("b"), node("n"), over)).toMatchObject({ subnetId: "subnet-a" });
  });

  it("counts claims that wait for an address, and addresses that came after the subnet was read", () => {
    const waiting: ClaimView = { key: "shop/w", subnetId: "subnet-a", address: undefined, node: "n" };
    const later: AddressView = {
      address: "10.0.16.9",
      subnetId: "subnet-a",
      node: "n",
      claim: undefined,
      createdAt: NOW + 1,
    };
    const subnets = [subnet("subnet-a", { free: 2 })];
    expect(ask(pod("a"), node("n"), world({ subnets, claims: [waiting] }))).toMatchObject({
      subnetId: "subnet-a",
    });
    expect(ask(pod("a"), node("n"), world({ subnets, claims: [waiting], addresses: [later] }))).toBe(
      REASONS.insufficient,
    );
  });

  it("keeps room on a node for addresses that are on their way to it", () => {
    const small = node("n", {
      enis: [eni("subnet-a", 8)],
      limit: { enis: 1, addressesPerEni: 9, addresses: 9 },
    });
    const coming: ClaimView = { key: "shop/w", subnetId: "subnet-a", address: "10.0.16.7", node: "n" };
    expect(ask(pod("a"), small, world({}))).toMatchObject({ hasEni: true });
    expect(ask(pod("a"), small, world({ claims: [coming] }))).toBe(REASONS.insufficient);
  });
});
