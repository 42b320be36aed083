import { describe, expect, it } from "bun:test";
import { advance } from "./advance.ts";
import { createNetworkInterface, type EniWish } from "./create-network-interface.ts";
import { eniOf, eniWish, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import { availableAddresses } from "./subnet-addresses.ts";
import { findTask } from "./task.ts";

const occasion = { now: 1000, requestId: "task-1" };

describe("createNetworkInterface()", () => {
  it("is PENDING until its latency has passed, and so are its addresses", () => {
    const { state, answer } = createNetworkInterface(smallCloud(), eniWish({ secondaryCount: 1 }), occasion);
    expect([answer.state, answer.addresses.map((it) => it.state)]).toEqual([
      "PENDING",
      ["PENDING", "PENDING"],
    ]);
    expect(findTask(state, "task-1").status).toBe("RUNNING");

    expect(eniOf(advance(state, 1099).state, answer.eniId).state).toBe("PENDING");
    const later = advance(state, 1100).state;
    const eni = eniOf(later, answer.eniId);
    expect([eni.state, eni.addresses.map((it) => it.state)]).toEqual([
      "AVAILABLE",
      ["AVAILABLE", "AVAILABLE"],
    ]);
    expect(findTask(later, "task-1").status).toBe("SUCCESS");
  });

  it("takes its addresses at once, the primary one first, the lowest that are free", () => {
    const { state, answer } = createNetworkInterface(smallCloud(), eniWish({ secondaryCount: 2 }), occasion);
    expect(answer.addresses.map((it) => it.address)).toEqual(["10.0.16.2", "10.0.16.3", "10.0.16.4"]);
    expect(answer.addresses.map((it) => it.primary)).toEqual([true, false, false]);
    const subnet = state.subnets.get(ids.pods);
    expect(subnet && availableAddresses(subnet)).toBe(10);
  });

  it("takes the addresses that are named", () => {
    const addresses = [{ address: "10.0.16.9" }, { address: "10.0.16.8", primary: true }];
    const { answer } = createNetworkInterface(
      smallCloud(),
      eniWish({ addresses, secondaryCount: 1 }),
      occasion,
    );
    expect(answer.addresses.map((it) => it.address)).toEqual(["10.0.16.8", "10.0.16.9", "10.0.16.2"]);
  });

  it("chooses the primary address where only others are named", () => {
    const { answer } = createNetworkInterface(
      smallCloud(),
      eniWish({ addresses: [{ address: "10.0.16.2" }] }),
      occasion,
    );
    expect(answer.addresses.map((it) => [it.address, it.primary])).toEqual([
      ["10.0.16.3", true],
      ["10.0.16.2", false],
    ]);
  });

  it("gives the first security group where none is named", () => {
    expect(createNetworkInterface(smallCloud(), eniWish(), occasion).answer.groups).toEqual(["sg-sim00001"]);
  });

  it("never makes two with one id or one MAC", () => {
    let state = smallCloud();
    for (let i = 0; i < 12; i++) {
      state = withEni(state).state;
    }
    const enis = [...state.enis.values()];
    expect(new Set(enis.map((eni) => eni.mac)).size).toBe(enis.length);
  });

  const named = (...addresses: string[]) => ({ addresses: addresses.map((address) => ({ address })) });
  const refused: [string, Partial<EniWish>, string][] = [
    ["a subnet that does not exist", { subnetId: "subnet-00000000" }, "ResourceNotFound"],
    ["an id that is none", { subnetId: "pods" }, "InvalidParameterValue.Malformed"],
    ["a subnet of another VPC", { subnetId: ids.foreign }, "UnsupportedOperation.VpcMismatch"],
    ["a security group that does not exist", { groups: ["sg-00000000"] }, "ResourceNotFound"],
    ["more addresses than the subnet has", { secondaryCount: 13 }, "ResourceInsufficient.Subnet"],
    ["text that is no address", named("10.0.16"), "InvalidParameterValue.Malformed"],
    ["an address of elsewhere", named("10.0.17.2"), "InvalidParameterValue.Range"],
    ["the network's address", named("10.0.16.0"), "InvalidParameterValue.Reserved"],
    ["the gateway", named("10.0.16.1"), "InvalidParameterValue.Reserved"],
    ["the broadcast address", named("10.0.16.15"), "InvalidParameterValue.Reserved"],
    ["an address twice", named("10.0.16.2", "10.0.16.2"), "InvalidParameterValue.DuplicatePara"],
    [
      "eleven named addresses",
      named(...Array.from({ length: 11 }, (_, i) => `10.0.16.${i + 2}`)),
      "InvalidParameterValue.LimitExceeded",
    ],
    [
      "two primary addresses",
      {
        addresses: [
          { address: "10.0.16.2", primary: true },
          { address: "10.0.16.3", primary: true },
        ],
      },
      "InvalidParameterValue.Malformed",
    ],
  ];
  for (const [what, changes, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      expect(refusal(() => createNetworkInterface(smallCloud(), eniWish(changes), occasion))).toBe(code);
    });
  }

  it("refuses an address that somebody has with ResourceInUse", () => {
    const { state } = withEni(smallCloud());
    expect(refusal(() => createNetworkInterface(state, eniWish(named("10.0.16.2")), occasion))).toBe(
      "ResourceInUse",
    );
  });

  it("has no effect on the network", () => {
    expect(settle(createNetworkInterface(smallCloud(), eniWish(), occasion).state).effects).toEqual([]);
  });
});
