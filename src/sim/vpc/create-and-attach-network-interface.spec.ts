import { describe, expect, it } from "bun:test";
import { advance } from "./advance.ts";
import { createAndAttachNetworkInterface } from "./create-and-attach-network-interface.ts";
import { removeInstance } from "./remove-instance.ts";
import { eniOf, eniWish, ids, refusal, settle, smallCloud } from "./small-cloud.ts";
import { findTask } from "./task.ts";

const occasion = { now: 1000, requestId: "task-1" };

function begin() {
  const request = { ...eniWish({ secondaryCount: 3 }), instanceId: ids.a };
  return createAndAttachNetworkInterface(smallCloud(), request, occasion);
}

describe("createAndAttachNetworkInterface()", () => {
  it("is PENDING, then ATTACHING, then AVAILABLE, in one task", () => {
    const { state, answer } = begin();
    expect(eniOf(state, answer.eniId)).toMatchObject({ state: "PENDING" });
    expect(eniOf(state, answer.eniId).attachment).toBeUndefined();
    const attaching = advance(state, 1100).state;
    expect(eniOf(attaching, answer.eniId)).toMatchObject({
      state: "ATTACHING",
      attachment: { instanceId: ids.a },
    });
    expect(findTask(attaching, "task-1").status).toBe("RUNNING");
    const done = advance(attaching, 1300);
    expect(eniOf(done.state, answer.eniId)).toMatchObject({
      state: "AVAILABLE",
      attachment: { deviceIndex: 1 },
    });
    expect(findTask(done.state, "task-1").status).toBe("SUCCESS");
    expect(done.effects.map((it) => it.kind)).toEqual(["plug", "assign"]);
  });

  it("does both steps at once when time has leapt over them", () => {
    const { state, answer } = begin();
    expect(eniOf(advance(state, 5000).state, answer.eniId)).toMatchObject({ state: "AVAILABLE" });
  });

  it("keeps the machine busy from the start, and counts against its quotas at the end", () => {
    const { state } = begin();
    const more = { ...eniWish(), instanceId: ids.a };
    const again = (from: typeof state) =>
      refusal(() => createAndAttachNetworkInterface(from, more, { now: 9000, requestId: "task-2" }));
    expect(again(state)).toBe("OperationDenied.MutexTaskRunning");
    expect(again(advance(state, 1150).state)).toBe("OperationDenied.MutexTaskRunning");
    expect(again(advance(state, 9000).state)).toBe("LimitExceeded");
    const wide = { ...eniWish({ secondaryCount: 4 }), instanceId: ids.b };
    expect(refusal(() => createAndAttachNetworkInterface(state, wide, occasion))).toBe("LimitExceeded");
  });

  it("refuses a subnet of another zone and a machine that does not exist", () => {
    const elsewhere = { ...eniWish({ subnetId: ids.podsElsewhere }), instanceId: ids.a };
    expect(refusal(() => createAndAttachNetworkInterface(smallCloud(), elsewhere, occasion))).toBe(
      "UnsupportedOperation.ZoneMismatch",
    );
    const nowhere = { ...eniWish(), instanceId: "ins-00000000" };
    expect(refusal(() => createAndAttachNetworkInterface(smallCloud(), nowhere, occasion))).toBe(
      "ResourceNotFound",
    );
  });

  it("leaves the interface behind, detached, where the machine goes meanwhile", () => {
    for (const goneAt of [1050, 1150]) {
      const { state, answer } = begin();
      const gone = removeInstance(advance(state, goneAt).state, ids.a, { now: goneAt }).state;
      const done = settle(gone);
      expect(eniOf(done.state, answer.eniId)).toMatchObject({ state: "AVAILABLE" });
      expect(eniOf(done.state, answer.eniId).attachment).toBeUndefined();
      expect(findTask(done.state, "task-1").status).toBe("FAILED");
      expect(done.effects).toEqual([]);
    }
  });
});
