import { describe, expect, it } from "bun:test";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import { findTask } from "./task.ts";

const occasion = { now: 1000, requestId: "task-1" };

describe("deleteNetworkInterface()", () => {
  it("keeps the addresses until its latency has passed, then it is gone and they are free", () => {
    const { state, eniId } = withEni(smallCloud(), { secondaryCount: 2 });
    const deleting = deleteNetworkInterface(state, { eniId }, occasion).state;
    expect(eniOf(deleting, eniId).state).toBe("DELETING");
    expect(deleting.subnets.get(ids.pods)?.taken.size).toBe(3);
    const gone = settle(deleting).state;
    expect(gone.enis.has(eniId)).toBe(false);
    expect(gone.subnets.get(ids.pods)?.taken.size).toBe(0);
    expect(findTask(gone, "task-1").status).toBe("SUCCESS");
  });

  it("refuses one that is attached, a primary one, and one that does not exist", () => {
    const { state, eniId } = withEni(smallCloud());
    const attached = settle(
      attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state,
    ).state;
    const remove = (id: string) => refusal(() => deleteNetworkInterface(attached, { eniId: id }, occasion));
    expect(remove(eniId)).toBe("UnsupportedOperation.InvalidState");
    expect(remove(attached.instances.get(ids.a)?.primaryEniId ?? "")).toBe(
      "UnsupportedOperation.InvalidState",
    );
    expect(remove("eni-00000000")).toBe("ResourceNotFound");
  });
});
