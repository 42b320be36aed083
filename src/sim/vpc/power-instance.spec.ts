import { describe, expect, it } from "bun:test";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { startInstance, stopInstance } from "./power-instance.ts";
import { ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import { unassignPrivateAddresses } from "./unassign-private-addresses.ts";

const occasion = { now: 1000, requestId: "task-1" };

function attached() {
  const { state, eniId } = withEni(smallCloud(), { secondaryCount: 1 });
  return {
    state: settle(attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state).state,
    eniId,
  };
}

describe("stopInstance() and startInstance()", () => {
  it("take away every link and bring them back in their order, with their addresses", () => {
    const { state, eniId } = attached();
    const primary = state.instances.get(ids.a)?.primaryEniId ?? "";
    const stopped = stopInstance(state, ids.a);
    expect(stopped.effects).toEqual([
      { kind: "unplug", eniId: primary },
      { kind: "unplug", eniId },
    ]);
    expect(startInstance(stopped.state, ids.a).effects).toMatchObject([
      { kind: "plug", eniId: primary, device: "eth0" },
      { kind: "assign", eniId: primary, addresses: ["10.0.1.10"] },
      { kind: "plug", eniId },
      { kind: "assign", eniId, addresses: ["10.0.16.2", "10.0.16.3"] },
    ]);
  });

  it("let the cloud go on while the machine is stopped, without effect on the network", () => {
    const { state, eniId } = attached();
    const stopped = stopInstance(state, ids.a).state;
    const step = unassignPrivateAddresses(stopped, { eniId, addresses: ["10.0.16.3"] }, occasion);
    expect(step.effects).toEqual([]);
    expect(startInstance(settle(step.state).state, ids.a).effects).toContainEqual({
      kind: "assign",
      eniId,
      addresses: ["10.0.16.2"],
    });
  });

  it("attach to a stopped machine without a link", () => {
    const { state, eniId } = withEni(smallCloud());
    const stopped = stopInstance(state, ids.a).state;
    const done = settle(attachNetworkInterface(stopped, { eniId, instanceId: ids.a }, occasion).state);
    expect(done.effects).toEqual([]);
    expect(startInstance(done.state, ids.a).effects).toContainEqual(
      expect.objectContaining({ kind: "plug", eniId }),
    );
  });

  it("refuse the state that the machine is in", () => {
    const state = smallCloud();
    expect(refusal(() => startInstance(state, ids.a))).toBe("UnsupportedOperation.InvalidState");
    expect(refusal(() => stopInstance(stopInstance(state, ids.a).state, ids.a))).toBe(
      "UnsupportedOperation.InvalidState",
    );
    expect(refusal(() => stopInstance(state, "ins-00000000"))).toBe("ResourceNotFound");
  });
});
