import { expect, it } from "bun:test";
import type { ClaimNeed } from "../planner/node-view.ts";
import { pairAddresses } from "./pair-addresses.ts";

const any = (key: string, subnetId?: string): ClaimNeed => ({ key, subnetId, wants: { kind: "any" } });

function pair(addresses: string[], needs: ClaimNeed[], has: Record<string, string> = {}) {
  return Object.fromEntries(
    pairAddresses({ addresses, subnetId: "subnet-a", needs, claimOfAddress: (address) => has[address] }),
  );
}

it("gives each address to one claim, in the order in which they wait", () => {
  expect(pair(["1", "2"], [any("a"), any("b", "subnet-a"), any("c")])).toEqual({ "1": "a", "2": "b" });
});

it("leaves what nobody waits for to whoever comes", () => {
  expect(pair(["1", "2"], [any("a")])).toEqual({ "1": "a" });
  expect(pair(["1"], [any("a", "subnet-b")])).toEqual({});
});

it("gives an address that a claim has to that claim, and no other instead of it", () => {
  expect(pair(["1", "2"], [any("a")], { "1": "old" })).toEqual({ "1": "old", "2": "a" });
  const named: ClaimNeed = { key: "b", subnetId: "subnet-a", wants: { kind: "named", address: "9" } };
  expect(pair(["1"], [named])).toEqual({});
});
