import { describe, expect, it } from "bun:test";
import { type AssignRequest, assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";

const occasion = { now: 1000, requestId: "task-2" };

function attached() {
  const { state, eniId } = withEni(smallCloud());
  const step = attachNetworkInterface(state, { eniId, instanceId: ids.a }, { now: 0, requestId: "task-1" });
  return { state: settle(step.state).state, eniId };
}

describe("assignPrivateAddresses()", () => {
  it("answers with the addresses, which come alive when the latency has passed", () => {
    const { state, eniId } = attached();
    const request = { eniId, addresses: [{ address: "10.0.16.9" }], count: 2 };
    const step = assignPrivateAddresses(state, request, occasion);
    expect(step.answer.map((it) => [it.address, it.primary, it.state])).toEqual([
      ["10.0.16.9", false, "PENDING"],
      ["10.0.16.3", false, "PENDING"],
      ["10.0.16.4", false, "PENDING"],
    ]);
    expect(step.effects).toEqual([]);
    const done = settle(step.state);
    expect(done.effects).toEqual([
      { kind: "assign", eniId, addresses: ["10.0.16.9", "10.0.16.3", "10.0.16.4"] },
    ]);
    expect(eniOf(done.state, eniId).addresses.map((it) => it.state)).toEqual(Array(4).fill("AVAILABLE"));
  });

  it("has no effect on the network where the interface is detached", () => {
    const { state, eniId } = withEni(smallCloud());
    const step = assignPrivateAddresses(state, { eniId, addresses: [], count: 1 }, occasion);
    expect(settle(step.state).effects).toEqual([]);
  });

  it("gives by count what only the quota bounds", () => {
    const { state, eniId } = withEni(smallCloud());
    expect(assignPrivateAddresses(state, { eniId, addresses: [], count: 12 }, occasion).answer).toHaveLength(
      12,
    );
  });

  const eleven = Array.from({ length: 11 }, (_, i) => ({ address: `10.0.16.${i + 3}` }));
  const refused: [string, Partial<AssignRequest>, string][] = [
    ["eleven named addresses", { addresses: eleven }, "InvalidParameterValue.LimitExceeded"],
    ["more than the quota of the machine's type", { count: 4 }, "LimitExceeded"],
    [
      "a second primary address",
      { addresses: [{ address: "10.0.16.9", primary: true }] },
      "UnsupportedOperation.PrimaryIp",
    ],
    ["an address that it has", { addresses: [{ address: "10.0.16.2" }] }, "ResourceInUse"],
    [
      "an address of another subnet",
      { addresses: [{ address: "10.0.17.2" }] },
      "InvalidParameterValue.Range",
    ],
    ["an interface that does not exist", { eniId: "eni-00000000", count: 1 }, "ResourceNotFound"],
  ];
  for (const [what, changes, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      const { state, eniId } = attached();
      const request = { eniId, addresses: [], count: 0, ...changes };
      expect(refusal(() => assignPrivateAddresses(state, request, occasion))).toBe(code);
    });
  }

  it("refuses when the subnet has no more, and while a task runs", () => {
    const full = withEni(smallCloud(), { secondaryCount: 10 }).state;
    const { state, eniId } = withEni(full);
    const request = { eniId, addresses: [], count: 2 };
    expect(refusal(() => assignPrivateAddresses(state, request, occasion))).toBe(
      "ResourceInsufficient.Subnet",
    );
    const busy = assignPrivateAddresses(state, { ...request, count: 1 }, occasion).state;
    expect(refusal(() => assignPrivateAddresses(busy, { ...request, count: 1 }, occasion))).toBe(
      "UnsupportedOperation.MutexOperationTaskRunning",
    );
  });
});
