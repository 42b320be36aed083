import { expect, it } from "bun:test";
import { madeNumbers } from "../testing/cluster-view.ts";
import { madeAddress, madeClaim, madeNode, madePod, madeSubnet } from "../testing/made-world.ts";
import { ClusterState } from "./cluster-state.ts";
import { fits } from "./fits.ts";
import { questionOf } from "./question.ts";
import { REASONS } from "./refusal.ts";
import { Reservations } from "./reservations.ts";
import type { AddressView } from "./world.ts";

it("forgets an address however it was read, but not one that is another's by now", () => {
  const state = new ClusterState({ numbers: madeNumbers });
  const ofEni = { address: "10.0.16.5", since: 1 };
  state.putAddress(madeAddress(ofEni.address, ofEni));
  state.putAddress(madeAddress(ofEni.address, { since: 2, claim: "shop/a" }));
  state.removeAddress(madeAddress(ofEni.address, ofEni));
  expect(state.view.bound.get("shop/a")?.address).toBe("10.0.16.5");
  state.removeAddress(madeAddress(ofEni.address, { since: 2, claim: "shop/a" }));
  expect(state.view.addresses.size).toBe(0);
  expect(state.view.bound.size).toBe(0);
});

it("counts an address off from when it is seen to when the subnet has been read since", () => {
  const state = new ClusterState({ numbers: madeNumbers });
  state.putAddress(madeAddress("10.0.16.5", { since: 20 }));
  state.putSubnet(madeSubnet("subnet-a", { readAt: 10 }));
  expect(state.view.spokenFor.get("subnet-a")).toBe(1);
  state.putSubnet(madeSubnet("subnet-a", { readAt: 20 }));
  expect(state.view.spokenFor.size).toBe(0);
});

it("has a claim's address awaited on its node until it is bound there, and of two the later one", () => {
  const state = new ClusterState({ numbers: madeNumbers });
  const awaited = () => state.view.nodes.get("n")?.inSubnet.get("subnet-a")?.awaited ?? 0;
  state.putNode(madeNode("n"));
  state.putClaim(madeClaim("a", { node: "n" }));
  expect(awaited()).toBe(1);
  const here = madeAddress("10.0.16.5", { node: "n", claim: "shop/a", since: 1 });
  const there = madeAddress("10.0.16.6", { node: "other", claim: "shop/a", since: 2 });
  state.putAddress(here);
  expect(awaited()).toBe(0);
  state.putAddress(there);
  expect(awaited()).toBe(1);
  state.removeAddress(there);
  expect(awaited()).toBe(0);
  state.removeAddress(here);
  expect(awaited()).toBe(1);
});

it("has an address on its ENI from when its VpcIP is seen: its node tells of it later, and it is awaited no more", () => {
  const state = new ClusterState({ numbers: madeNumbers });
  const eni = { id: "eni-1", subnetId: "subnet-a" };
  const fit = () => {
    const question = questionOf(madePod("next"), { ...state.view, reserved: new Reservations(madeNumbers) });
    return typeof question === "string" ? question : fits(question, state.view.nodes.get("n"));
  };
  const limit = { enis: 1, addressesPerEni: 2, addresses: 9 };
  state.putSubnet(madeSubnet("subnet-a"));
  state.putNode(madeNode("n", { enis: [{ ...eni, addresses: 1 }], limit }));
  expect(fit()).toMatchObject({ subnetId: "subnet-a" });
  state.putClaim(madeClaim("a", { node: "n" }));
  const full = `${REASONS.insufficient}: 1 of 1 ENIs, none with room in subnet-a`;
  expect(fit()).toBe(full);
  const [former, its] = ["10.0.16.4", "10.0.16.5"].map((address) =>
    madeAddress(address, { node: "n", eniId: "eni-1" }),
  ) as [AddressView, AddressView];
  state.putAddress(former);
  state.putAddress({ ...its, claim: "shop/a" });
  expect(fit()).toBe(full);
  state.putNode(madeNode("n", { enis: [{ ...eni, addresses: 2 }], limit }));
  expect(fit()).toBe(full);
  // What comes off is told by the node.
  state.removeAddress(former);
  expect(fit()).toBe(full);
  state.putNode(madeNode("n", { enis: [{ ...eni, addresses: 1 }], limit }));
  expect(fit()).toMatchObject({ subnetId: "subnet-a" });
});

it("has the subnets that are configured in the same order, whichever came first, and none where pods name theirs", () => {
  const [state, nominated] = [
    new ClusterState({ numbers: madeNumbers }),
    new ClusterState({ numbers: madeNumbers, onlyNominated: true }),
  ];
  for (const id of ["subnet-c", "subnet-a", "subnet-b"]) {
    state.putSubnet(madeSubnet(id));
    nominated.putSubnet(madeSubnet(id));
  }
  expect(state.view.configured).toEqual(["subnet-a", "subnet-b", "subnet-c"]);
  state.putSubnet(madeSubnet("subnet-a", { active: false }));
  state.removeSubnet(madeSubnet("subnet-c"));
  expect(state.view.configured).toEqual(["subnet-b"]);
  expect(nominated.view.configured).toEqual([]);
});
