import { describe, expect, it } from "bun:test";
import { advance } from "./advance.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";

const occasion = { now: 1000, requestId: "task-1" };

describe("attachNetworkInterface()", () => {
  it("is ATTACHING until its own latency has passed, then AVAILABLE with its machine", () => {
    const { state, eniId } = withEni(smallCloud(), { secondaryCount: 1 });
    const attaching = attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion).state;
    expect(eniOf(attaching, eniId)).toMatchObject({
      state: "ATTACHING",
      attachment: { instanceId: ids.a, deviceIndex: 1 },
    });
    expect(eniOf(advance(attaching, 1199).state, eniId).state).toBe("ATTACHING");
    expect(eniOf(advance(attaching, 1200).state, eniId)).toMatchObject({
      state: "AVAILABLE",
      attachment: { instanceId: ids.a },
    });
  });

  it("plugs the link in at the end, with the addresses that are ready", () => {
    const { state, eniId } = withEni(smallCloud(), { secondaryCount: 1 });
    const step = attachNetworkInterface(state, { eniId, instanceId: ids.a }, occasion);
    expect(step.effects).toEqual([]);
    const { mac } = eniOf(state, eniId);
    expect(settle(step.state).effects).toEqual([
      { kind: "plug", eniId, instanceId: ids.a, mac, netns: `/run/netns/${ids.a}` },
      { kind: "assign", eniId, addresses: ["10.0.16.2", "10.0.16.3"] },
    ]);
  });

  it("refuses what cannot be", () => {
    const { state, eniId } = withEni(smallCloud());
    const attach = (request: { eniId: string; instanceId: string }, from = state) =>
      refusal(() => attachNetworkInterface(from, request, occasion));
    expect(attach({ eniId: "eni-00000000", instanceId: ids.a })).toBe("ResourceNotFound");
    expect(attach({ eniId, instanceId: "ins-00000000" })).toBe("ResourceNotFound");
    expect(attach({ eniId, instanceId: "node-1" })).toBe("InvalidParameterValue.Malformed");

    const elsewhere = withEni(state, { subnetId: ids.podsElsewhere });
    expect(attach({ eniId: elsewhere.eniId, instanceId: ids.a }, elsewhere.state)).toBe(
      "UnsupportedOperation.ZoneMismatch",
    );
    const foreign = withEni(state, { vpcId: ids.otherVpc, subnetId: ids.foreign });
    expect(attach({ eniId: foreign.eniId, instanceId: ids.a }, foreign.state)).toBe(
      "UnsupportedOperation.VpcMismatch",
    );
    const wide = withEni(state, { secondaryCount: 4 });
    expect(attach({ eniId: wide.eniId, instanceId: ids.a }, wide.state)).toBe("LimitExceeded");
  });

  it("refuses while a task runs, once it is attached, and past the machine's quota", () => {
    const first = withEni(smallCloud());
    const { state, eniId } = withEni(first.state);
    const attaching = attachNetworkInterface(
      state,
      { eniId: first.eniId, instanceId: ids.a },
      occasion,
    ).state;
    const again = (from: typeof state, id: string, instanceId: string) =>
      refusal(() => attachNetworkInterface(from, { eniId: id, instanceId }, occasion));

    expect(again(attaching, first.eniId, ids.a)).toBe("UnsupportedOperation.MutexOperationTaskRunning");
    expect(again(attaching, eniId, ids.a)).toBe("OperationDenied.MutexTaskRunning");
    expect(again(attaching, eniId, ids.b)).toBeUndefined();
    const attached = settle(attaching).state;
    expect(again(attached, first.eniId, ids.b)).toBe("UnsupportedOperation.AttachmentAlreadyExists");
    expect(again(attached, eniId, ids.a)).toBe("LimitExceeded");
    expect(again(attached, eniId, ids.b)).toBeUndefined();
  });
});
