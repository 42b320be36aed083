import { describe, expect, it } from "bun:test";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";

const occasion = { now: 1000, requestId: "task-2" };

function attached() {
  const { state, eniId } = withEni(smallCloud());
  const step = attachNetworkInterface(state, { eniId, instanceId: ids.a }, { now: 0, requestId: "task-1" });
  return { state: settle(step.state).state, eniId };
}

describe("detachNetworkInterface()", () => {
  it("keeps the link until its latency has passed", () => {
    const { state, eniId } = attached();
    const step = detachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion);
    expect(step.effects).toEqual([]);
    expect(eniOf(step.state, eniId)).toMatchObject({ state: "DETACHING", attachment: { instanceId: ids.a } });
    const done = settle(step.state);
    expect(done.effects).toEqual([{ kind: "unplug", eniId }]);
    expect(eniOf(done.state, eniId).state).toBe("AVAILABLE");
    expect(eniOf(done.state, eniId).attachment).toBeUndefined();
    expect(eniOf(done.state, eniId).addresses).toEqual(eniOf(state, eniId).addresses);
  });

  it("refuses what is not attached to that machine, and a primary network interface", () => {
    const { state, eniId } = attached();
    const detach = (id: string, instanceId: string) =>
      refusal(() => detachNetworkInterface(state, { eniId: id, instanceId }, occasion));
    expect(detach(eniId, ids.b)).toBe("UnsupportedOperation.AttachmentNotFound");
    expect(detach("eni-00000000", ids.a)).toBe("ResourceNotFound");
    const primary = state.instances.get(ids.a)?.primaryEniId ?? "";
    expect(detach(primary, ids.a)).toBe("UnsupportedOperation");
  });

  it("refuses while a task runs", () => {
    const { state, eniId } = attached();
    const detaching = detachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state;
    expect(refusal(() => detachNetworkInterface(detaching, { eniId, instanceId: ids.a }, occasion))).toBe(
      "UnsupportedOperation.MutexOperationTaskRunning",
    );
    expect(refusal(() => deleteNetworkInterface(detaching, { eniId }, occasion))).toBe(
      "UnsupportedOperation.MutexOperationTaskRunning",
    );
  });
});
