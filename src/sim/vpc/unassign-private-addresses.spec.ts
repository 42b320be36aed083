import { describe, expect, it } from "bun:test";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { eniOf, eniWish, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import { unassignPrivateAddresses } from "./unassign-private-addresses.ts";

const occasion = { now: 1000, requestId: "task-2" };

function attached() {
  const { state, eniId } = withEni(smallCloud(), { secondaryCount: 2 });
  const step = attachNetworkInterface(state, { eniId, instanceId: ids.a }, { now: 0, requestId: "task-1" });
  return { state: settle(step.state).state, eniId };
}

describe("unassignPrivateAddresses()", () => {
  it("is dead in the network at once, and free for others only when the latency has passed", () => {
    const { state, eniId } = attached();
    const step = unassignPrivateAddresses(state, { eniId, addresses: ["10.0.16.3"] }, occasion);
    expect(step.effects).toEqual([{ kind: "unassign", eniId, addresses: ["10.0.16.3"] }]);
    expect(eniOf(step.state, eniId).addresses.map((it) => it.state)).toEqual([
      "AVAILABLE",
      "DELETING",
      "AVAILABLE",
    ]);
    const taken = eniWish({ addresses: [{ address: "10.0.16.3" }] });
    expect(refusal(() => createNetworkInterface(step.state, taken, occasion))).toBe("ResourceInUse");

    const done = settle(step.state);
    expect(done.effects).toEqual([]);
    expect(eniOf(done.state, eniId).addresses.map((it) => it.address)).toEqual(["10.0.16.2", "10.0.16.4"]);
    expect(refusal(() => createNetworkInterface(done.state, taken, occasion))).toBeUndefined();
  });

  const refused: [string, string[], string][] = [
    ["the primary address", ["10.0.16.2"], "UnsupportedOperation.PrimaryIp"],
    ["an address that it does not have", ["10.0.16.3", "10.0.16.9"], "ResourceNotFound"],
    ["more than ten", Array(11).fill("10.0.16.3"), "InvalidParameterValue.LimitExceeded"],
  ];
  for (const [what, addresses, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      const { state, eniId } = attached();
      expect(refusal(() => unassignPrivateAddresses(state, { eniId, addresses }, occasion))).toBe(code);
    });
  }
});
