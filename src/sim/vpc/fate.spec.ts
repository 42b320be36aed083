import { describe, expect, it } from "bun:test";
import { advance, nextDue } from "./advance.ts";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { createAndAttachNetworkInterface } from "./create-and-attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { releaseStalledTasks, releaseTask } from "./release-task.ts";
import { eniOf, eniWish, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import type { CloudState, Fate } from "./state.ts";
import { findTask } from "./task.ts";
import { unassignPrivateAddresses } from "./unassign-private-addresses.ts";

const fails: Fate = { stallMs: 0, failure: { output: "The disk is full." } };

function occasion(fate: Fate) {
  return { now: 1000, requestId: "task-1", fate };
}

function attached(): { state: CloudState; eniId: string } {
  const { state, eniId } = withEni(smallCloud(), { secondaryCount: 2 });
  const step = attachNetworkInterface(state, { eniId, instanceId: ids.a }, { now: 0, requestId: "before" });
  return { state: settle(step.state).state, eniId };
}

/** What a task comes to that fails, and the state before it. */
function failed(before: CloudState, begun: CloudState) {
  const done = settle(begun);
  expect(findTask(done.state, "task-1")).toMatchObject({ status: "FAILED", output: "The disk is full." });
  const taken = (state: CloudState) => [...(state.subnets.get(ids.pods)?.taken ?? [])];
  return { ...done, sameAddresses: taken(before).join() === taken(done.state).join() };
}

describe("a task that fails", () => {
  it("of a creation: the interface vanishes, and its addresses are free", () => {
    const before = smallCloud();
    const { state, answer } = createNetworkInterface(before, eniWish({ secondaryCount: 2 }), occasion(fails));
    const outcome = failed(before, state);
    expect(outcome.state.enis.has(answer.eniId)).toBe(false);
    expect(outcome.sameAddresses).toBe(true);
  });

  it("of a creation with attachment: the interface stays, detached, or vanishes, as is said", () => {
    const before = smallCloud();
    for (const at of [undefined, "attach", "create"] as const) {
      const failure = { output: "The disk is full.", ...(at === undefined ? {} : { at }) };
      const { state, answer } = createAndAttachNetworkInterface(
        before,
        { ...eniWish(), instanceId: ids.a },
        occasion({ stallMs: 0, failure }),
      );
      const outcome = failed(before, state);
      const eni = outcome.state.enis.get(answer.eniId);
      expect([eni?.state, eni?.attachment]).toEqual([at === "create" ? undefined : "AVAILABLE", undefined]);
      expect(outcome.effects).toEqual([]);
      expect(outcome.state.enisByInstance.get(ids.a)).toHaveLength(1);
    }
  });

  it("of an attachment: the interface is AVAILABLE and detached, and the machine has room", () => {
    const { state, eniId } = withEni(smallCloud());
    const request = { eniId, instanceId: ids.a };
    const outcome = failed(state, attachNetworkInterface(state, request, occasion(fails)).state);
    expect(eniOf(outcome.state, eniId).state).toBe("AVAILABLE");
    expect(eniOf(outcome.state, eniId).attachment).toBeUndefined();
    expect(outcome.effects).toEqual([]);
    expect(
      refusal(() => attachNetworkInterface(outcome.state, request, { now: 5000, requestId: "again" })),
    ).toBeUndefined();
  });

  it("of a detachment: the interface is attached still, and its link there", () => {
    const { state, eniId } = attached();
    const request = { eniId, instanceId: ids.a };
    const outcome = failed(state, detachNetworkInterface(state, request, occasion(fails)).state);
    expect(eniOf(outcome.state, eniId)).toEqual(eniOf(state, eniId));
    expect(outcome.effects).toEqual([]);
  });

  it("of a deletion: the interface is there still", () => {
    const { state, eniId } = withEni(smallCloud());
    const outcome = failed(state, deleteNetworkInterface(state, { eniId }, occasion(fails)).state);
    expect(eniOf(outcome.state, eniId)).toEqual(eniOf(state, eniId));
    expect(outcome.sameAddresses).toBe(true);
  });

  it("of an assignment: the addresses are off again, and free", () => {
    const { state, eniId } = attached();
    const request = { eniId, addresses: [], count: 1 };
    const outcome = failed(state, assignPrivateAddresses(state, request, occasion(fails)).state);
    expect(eniOf(outcome.state, eniId)).toEqual(eniOf(state, eniId));
    expect([outcome.sameAddresses, outcome.effects]).toEqual([true, []]);
  });

  it("of taking addresses off: they are on, and carry packets again", () => {
    const { state, eniId } = attached();
    const addresses = ["10.0.16.3"];
    const outcome = failed(
      state,
      unassignPrivateAddresses(state, { eniId, addresses }, occasion(fails)).state,
    );
    expect(eniOf(outcome.state, eniId)).toEqual(eniOf(state, eniId));
    expect(outcome.effects).toEqual([{ kind: "assign", eniId, addresses }]);
  });
});

describe("a task that stalls", () => {
  it("takes so much longer", () => {
    const { state } = createNetworkInterface(smallCloud(), eniWish(), occasion({ stallMs: 700 }));
    expect(nextDue(state)).toBe(1800);
    expect(findTask(advance(state, 1799).state, "task-1").status).toBe("RUNNING");
    expect(findTask(advance(state, 1800).state, "task-1").status).toBe("SUCCESS");
  });

  it("ends when it is released, if it would not by itself", () => {
    const stalled = createNetworkInterface(
      smallCloud(),
      eniWish(),
      occasion({ stallMs: Number.POSITIVE_INFINITY }),
    ).state;
    expect(nextDue(stalled)).toBeUndefined();
    const later = advance(stalled, 1e9).state;
    expect(findTask(later, "task-1").status).toBe("RUNNING");
    expect(findTask(releaseTask(later, "task-1", { now: 1e9 }).state, "task-1").status).toBe("SUCCESS");
    expect(findTask(releaseStalledTasks(later, { now: 1e9 }).state, "task-1").status).toBe("SUCCESS");
  });

  it("cannot be released when it is over, or has never been", () => {
    const done = settle(
      createNetworkInterface(smallCloud(), eniWish(), occasion({ stallMs: 0 })).state,
    ).state;
    expect(refusal(() => releaseTask(done, "task-1", { now: 5000 }))).toBe("ResourceNotFound");
    expect(refusal(() => releaseTask(done, "task-2", { now: 5000 }))).toBe("ResourceNotFound");
  });
});
