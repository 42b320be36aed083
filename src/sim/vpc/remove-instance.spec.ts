import { describe, expect, it } from "bun:test";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { removeInstance } from "./remove-instance.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import { findTask } from "./task.ts";

const occasion = { now: 1000, requestId: "task-1" };

describe("removeInstance()", () => {
  it("takes the primary network interface along and leaves the others, detached, with their addresses", () => {
    const { state, eniId } = withEni(smallCloud(), { secondaryCount: 1 });
    const attached = settle(
      attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state,
    ).state;
    const primary = attached.instances.get(ids.a)?.primaryEniId ?? "";
    const step = removeInstance(attached, ids.a, { now: 2000 });
    expect(step.effects).toEqual([
      { kind: "unplug", eniId: primary },
      { kind: "unplug", eniId },
    ]);
    expect(step.state.enis.has(primary)).toBe(false);
    expect(eniOf(step.state, eniId).attachment).toBeUndefined();
    expect(eniOf(step.state, eniId).addresses).toHaveLength(2);
    expect(step.state.subnets.get("subnet-node0001")?.taken.size).toBe(1);
  });

  it("fails the task that was attaching, and ends the one that was detaching", () => {
    const { state, eniId } = withEni(smallCloud());
    const attaching = attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state;
    expect(findTask(removeInstance(attaching, ids.a, { now: 1050 }).state, "task-1").status).toBe("FAILED");

    const request = { eniId, instanceId: ids.a };
    const detaching = detachNetworkInterface(settle(attaching).state, request, {
      now: 2000,
      requestId: "task-2",
    }).state;
    expect(findTask(removeInstance(detaching, ids.a, { now: 2050 }).state, "task-2").status).toBe("SUCCESS");
  });

  it("fails the task that was at the primary network interface", () => {
    const state = smallCloud();
    const eniId = state.instances.get(ids.a)?.primaryEniId ?? "";
    const assigning = assignPrivateAddresses(state, { eniId, addresses: [], count: 1 }, occasion).state;
    const removed = removeInstance(assigning, ids.a, { now: 1050 }).state;
    expect(findTask(removed, "task-1").status).toBe("FAILED");
    expect(settle(removed).effects).toEqual([]);
  });

  it("refuses a machine that does not exist", () => {
    expect(refusal(() => removeInstance(smallCloud(), "ins-00000000", { now: 0 }))).toBe("ResourceNotFound");
  });
});
