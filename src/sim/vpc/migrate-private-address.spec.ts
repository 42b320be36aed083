import { describe, expect, it } from "bun:test";
import { advance } from "./advance.ts";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { changeQuota } from "./change-quota.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { type MigrateRequest, migratePrivateAddress } from "./migrate-private-address.ts";
import { startInstance, stopInstance } from "./power-instance.ts";
import { removeInstance } from "./remove-instance.ts";
import { eniOf, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import type { CloudState } from "./state.ts";
import { findTask } from "./task.ts";

const address = "10.0.16.3";
const occasion = { now: 1000, requestId: "task-1" };

function attached(state: CloudState, instanceId: string, secondaryCount: number) {
  const made = withEni(state, { secondaryCount });
  const request = { eniId: made.eniId, instanceId };
  const step = attachNetworkInterface(made.state, request, { now: 0, requestId: `attach-${instanceId}` });
  return { state: settle(step.state).state, eniId: made.eniId };
}

/** An interface on each machine: 10.0.16.2 to .4 on the one, 10.0.16.5 on the other. */
function two() {
  const first = attached(smallCloud(), ids.a, 2);
  const second = attached(first.state, ids.b, 0);
  return { state: second.state, from: first.eniId, to: second.eniId };
}

function addressesOf(state: CloudState, eniId: string): string[] {
  return eniOf(state, eniId).addresses.map((it) => `${it.address} ${it.state}`);
}

describe("migratePrivateAddress()", () => {
  it("is dead in the network at once, and alive on the other interface when the latency has passed", () => {
    const { state, from, to } = two();
    const step = migratePrivateAddress(state, { address, from, to }, occasion);
    expect(step.effects).toEqual([{ kind: "unassign", eniId: from, addresses: [address] }]);
    expect(addressesOf(step.state, from)).toEqual([
      "10.0.16.2 AVAILABLE",
      "10.0.16.3 MIGRATING",
      "10.0.16.4 AVAILABLE",
    ]);
    expect(addressesOf(step.state, to)).toEqual(["10.0.16.5 AVAILABLE"]);
    expect(advance(step.state, 1099)).toMatchObject({ effects: [] });

    const done = settle(step.state);
    expect(done.effects).toEqual([{ kind: "assign", eniId: to, addresses: [address] }]);
    expect(addressesOf(done.state, from)).toEqual(["10.0.16.2 AVAILABLE", "10.0.16.4 AVAILABLE"]);
    expect(addressesOf(done.state, to)).toEqual(["10.0.16.5 AVAILABLE", "10.0.16.3 AVAILABLE"]);
    expect(done.state.subnets.get(ids.pods)?.taken).toEqual(state.subnets.get(ids.pods)?.taken);
    expect(findTask(done.state, "task-1")).toMatchObject({ status: "SUCCESS", eniId: from });
  });

  it("needs no machine at either end", () => {
    const left = withEni(smallCloud(), { secondaryCount: 1 });
    const { state, eniId: to } = withEni(left.state);
    const step = migratePrivateAddress(state, { address, from: left.eniId, to }, occasion);
    const done = settle(step.state);
    expect([step.effects, done.effects]).toEqual([[], []]);
    expect(addressesOf(done.state, to)).toEqual(["10.0.16.4 AVAILABLE", "10.0.16.3 AVAILABLE"]);
  });

  it("takes an address from an interface whose machine is gone, before or meanwhile", () => {
    const { state, from, to } = two();
    const orphaned = removeInstance(state, ids.a, { now: 500 }).state;
    const step = migratePrivateAddress(orphaned, { address, from, to }, occasion);
    expect(step.effects).toEqual([]);
    expect(settle(step.state).effects).toEqual([{ kind: "assign", eniId: to, addresses: [address] }]);

    const begun = migratePrivateAddress(state, { address, from, to }, occasion).state;
    const meanwhile = settle(removeInstance(begun, ids.a, { now: 1050 }).state);
    expect(addressesOf(meanwhile.state, to)).toContain("10.0.16.3 AVAILABLE");
    expect(meanwhile.effects).toEqual([{ kind: "assign", eniId: to, addresses: [address] }]);
  });

  it("does not come alive on the interface that it leaves when its machine starts again", () => {
    const { state, from, to } = two();
    const begun = migratePrivateAddress(stopInstance(state, ids.a).state, { address, from, to }, occasion);
    const started = startInstance(begun.state, ids.a);
    expect(started.effects).toContainEqual({
      kind: "assign",
      eniId: from,
      addresses: ["10.0.16.2", "10.0.16.4"],
    });
  });

  it("comes alive at the end only where there is a link", () => {
    const { state, from, to } = two();
    const begun = migratePrivateAddress(state, { address, from, to }, occasion).state;
    const done = settle(stopInstance(begun, ids.b).state);
    expect(done.effects).toEqual([]);
    expect(startInstance(done.state, ids.b).effects).toContainEqual({
      kind: "assign",
      eniId: to,
      addresses: ["10.0.16.5", address],
    });
  });

  it("is back where it came from when the task fails", () => {
    const { state, from, to } = two();
    const fate = { stallMs: 0, failure: { output: "The disk is full." } };
    const step = migratePrivateAddress(state, { address, from, to }, { ...occasion, fate });
    const done = settle(step.state);
    expect(done.effects).toEqual([{ kind: "assign", eniId: from, addresses: [address] }]);
    expect(eniOf(done.state, from)).toEqual(eniOf(state, from));
    expect(eniOf(done.state, to)).toEqual(eniOf(state, to));
    expect(findTask(done.state, "task-1")).toMatchObject({ status: "FAILED", output: "The disk is full." });
    expect(
      refusal(() => migratePrivateAddress(done.state, { address, from, to }, { now: 5000, requestId: "x" })),
    ).toBeUndefined();
  });

  it("is back where it came from when the machine goes whose primary interface it was for", () => {
    const primary = (state: CloudState, id: string) => state.instances.get(id)?.primaryEniId ?? "";
    const state = smallCloud();
    const [from, to] = [primary(state, ids.a), primary(state, ids.b)];
    const extra = { eniId: from, addresses: [{ address: "10.0.1.20" }], count: 0 };
    const with20 = settle(assignPrivateAddresses(state, extra, { now: 0, requestId: "task-0" }).state).state;
    const stall = { ...occasion, fate: { stallMs: Number.POSITIVE_INFINITY } };
    const begun = migratePrivateAddress(with20, { address: "10.0.1.20", from, to }, stall).state;
    const { state: after, effects } = removeInstance(begun, ids.b, { now: 2000 });
    expect(effects).toEqual([
      { kind: "unplug", eniId: to },
      { kind: "assign", eniId: from, addresses: ["10.0.1.20"] },
    ]);
    expect(addressesOf(after, from)).toEqual(["10.0.1.10 AVAILABLE", "10.0.1.20 AVAILABLE"]);
    expect(findTask(after, "task-1")).toMatchObject({ status: "FAILED" });
  });

  const refused: [string, Partial<MigrateRequest>, string][] = [
    ["text that is no address", { address: "10.0.16" }, "InvalidParameterValue.Malformed"],
    ["an id of something else", { to: ids.a }, "InvalidParameterValue.Malformed"],
    ["an interface to leave that is gone", { from: "eni-00000000" }, "ResourceNotFound"],
    ["an interface to go to that is gone", { to: "eni-00000000" }, "ResourceNotFound"],
    ["the primary address", { address: "10.0.16.2" }, "UnsupportedOperation.PrimaryIp"],
    ["an address of nobody", { address: "10.0.16.9" }, "UnauthorizedOperation.AttachmentNotFound"],
    [
      "an address that is there already",
      { address: "10.0.16.5" },
      "UnauthorizedOperation.AttachmentNotFound",
    ],
  ];
  for (const [what, changes, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      const { state, from, to } = two();
      const request = { address, from, to, ...changes };
      expect(refusal(() => migratePrivateAddress(state, request, occasion))).toBe(code);
    });
  }

  it("refuses to go to another subnet, or nowhere", () => {
    const { state, from } = two();
    const elsewhere = withEni(state, { subnetId: ids.podsElsewhere });
    for (const to of [elsewhere.eniId, from]) {
      expect(refusal(() => migratePrivateAddress(elsewhere.state, { address, from, to }, occasion))).toBe(
        "UnsupportedOperation",
      );
    }
  });

  it("refuses an interface that has its quota with LimitExceeded, until the quota is raised", () => {
    const first = attached(smallCloud(), ids.a, 1);
    const { state, eniId: to } = attached(first.state, ids.b, 3);
    const request = { address, from: first.eniId, to };
    expect(refusal(() => migratePrivateAddress(state, request, occasion))).toBe("LimitExceeded");
    const raised = changeQuota(state, { instanceId: ids.b, eniQuota: 2, addressesPerEni: 5 }).state;
    expect(refusal(() => migratePrivateAddress(raised, request, occasion))).toBeUndefined();
  });

  it("keeps both interfaces busy, and begins at none that is", () => {
    const { state, from, to } = two();
    const begun = migratePrivateAddress(state, { address, from, to }, occasion).state;
    const acts = [
      (eniId: string) => assignPrivateAddresses(begun, { eniId, addresses: [], count: 1 }, occasion),
      (eniId: string) => detachNetworkInterface(begun, { eniId, instanceId: ids.a }, occasion),
      (eniId: string) => deleteNetworkInterface(begun, { eniId }, occasion),
      (eniId: string) => migratePrivateAddress(begun, { address, from: eniId, to: from }, occasion),
    ];
    const mutex = "UnsupportedOperation.MutexOperationTaskRunning";
    for (const act of acts) {
      expect([refusal(() => act(from)), refusal(() => act(to))]).toEqual([mutex, mutex]);
    }
    for (const busy of [from, to]) {
      const request = { eniId: busy, addresses: [], count: 1 };
      const assigning = assignPrivateAddresses(state, request, occasion).state;
      expect(refusal(() => migratePrivateAddress(assigning, { address, from, to }, occasion))).toBe(mutex);
    }
    const done = settle(begun).state;
    expect(refusal(() => deleteNetworkInterface(done, { eniId: to }, occasion))).not.toBe(mutex);
  });
});
