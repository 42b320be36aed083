import { describe, expect, test } from "bun:test";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { ABSENCE_INTERVAL_MS, CloudView, RESERVED_MS, STALE_MS } from "./cloud-view.ts";

function eni(addresses: string[] = [], overrides: Partial<Eni> = {}): Eni {
  return {
    id: "eni-1",
    name: "",
    mac: "20:90:6f:00:00:01",
    vpcId: "vpc-1",
    subnetId: "subnet-1",
    zone: "zone-1",
    primary: false,
    state: "available",
    instanceId: "ins-1",
    primaryAddress: "10.0.16.2",
    addresses: addresses.map((address) => ({ address, state: "available" })),
    tags: [],
    ...overrides,
  };
}

describe("CloudView", () => {
  test("an ENI is busy from the moment it is touched until it is read settled", () => {
    const view = new CloudView();
    view.read(["eni-1"], [eni()], 0);
    expect(view.isBusy("eni-1")).toBe(false);
    view.touch("eni-1", 5);
    expect(view.isBusy("eni-1")).toBe(true);
    // A reading that was under way when the operation began cannot show it.
    view.read(["eni-1"], [eni()], 4);
    expect(view.isBusy("eni-1")).toBe(true);
    view.read(["eni-1"], [eni([], { state: "detaching" })], 6);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.read(["eni-1"], [eni()], 7);
    expect(view.unsettled()).toEqual([]);
  });

  test("an ENI that was made and is not shown yet stays known and busy, and is not gone", () => {
    const view = new CloudView();
    view.created(eni(), -1);
    view.read(["eni-1"], [], 0);
    view.read(["eni-1"], [], ABSENCE_INTERVAL_MS - 1);
    expect(view.get("eni-1")).toBeDefined();
    expect(view.isBusy("eni-1")).toBe(true);
    expect(view.isGone("eni-1")).toBe(false);
    view.read(["eni-1"], [], ABSENCE_INTERVAL_MS);
    expect(view.isGone("eni-1")).toBe(true);
    view.read(["eni-1"], [eni()], ABSENCE_INTERVAL_MS + 1);
    expect(view.isGone("eni-1")).toBe(false);
  });

  test("an address that is missing is read for until that is proven, and the reading that proves it counts as a change", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3", "10.0.16.4"])], 0);
    expect(view.unsettled()).toEqual([]);
    view.readAll([eni(["10.0.16.4"])], 1);
    expect(view.unsettled()).toEqual(["eni-1"]);
    expect(view.read(["eni-1"], [eni(["10.0.16.4"])], ABSENCE_INTERVAL_MS)).toEqual([]);
    expect(view.read(["eni-1"], [eni(["10.0.16.4"])], ABSENCE_INTERVAL_MS + 1)).toEqual(["eni-1"]);
    expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(true);
    expect(view.unsettled()).toEqual([]);
  });

  test("an object that says of an ENI what the last reading did not show has it read soon, not with everything", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3"])], 0);
    view.expect("eni-1", ["10.0.16.3"]);
    expect(view.unsettled()).toEqual([]);
    view.expect("eni-1", ["10.0.16.3", "10.0.16.4"]);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.read(["eni-1"], [eni(["10.0.16.3"])], 1);
    view.read(["eni-1"], [eni(["10.0.16.3"])], ABSENCE_INTERVAL_MS + 1);
    expect(view.isAddressGone("eni-1", "10.0.16.4")).toBe(true);
    expect(view.unsettled()).toEqual([]);
  });

  test("what denies the effect of a call that was shown is read for until it counts: somebody else may have undone it", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3"])], 0);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 2 }, 1);
    view.read(["eni-1"], [eni(["10.0.16.3", "10.0.16.4"])], 2);
    expect(view.unsettled()).toEqual([]);
    expect(view.read(["eni-1"], [eni(["10.0.16.4"])], 3)).toEqual([]);
    expect(view.isBusy("eni-1")).toBe(false);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.read(["eni-1"], [eni(["10.0.16.4"])], STALE_MS + 1);
    view.read(["eni-1"], [eni(["10.0.16.4"])], STALE_MS + 1 + ABSENCE_INTERVAL_MS);
    expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(true);
    expect(view.unsettled()).toEqual([]);
  });

  test("time alone proves no absence: there must be a second reading", () => {
    const view = new CloudView();
    view.expect("eni-1", ["10.0.16.3"]);
    view.readAll([], 0);
    expect(view.isGone("eni-1")).toBe(false);
    view.readAll([], ABSENCE_INTERVAL_MS * 5);
    expect(view.isGone("eni-1")).toBe(true);
    expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(true);
  });

  test("an expected address that readings lack is absent at once and gone later", () => {
    const view = new CloudView();
    view.expect("eni-1", ["10.0.16.3", "10.0.16.4"]);
    view.readAll([eni(["10.0.16.3"])], 0);
    expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(false);
    expect(view.isAddressAbsent("eni-1", "10.0.16.4")).toBe(true);
    expect(view.isAddressGone("eni-1", "10.0.16.4")).toBe(false);
    view.readAll([eni(["10.0.16.3"])], ABSENCE_INTERVAL_MS);
    expect(view.isAddressGone("eni-1", "10.0.16.4")).toBe(true);
    expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(false);
    view.readAll([eni(["10.0.16.3", "10.0.16.4"])], ABSENCE_INTERVAL_MS + 1);
    expect(view.isAddressAbsent("eni-1", "10.0.16.4")).toBe(false);
  });

  test("nothing is absent while an operation of ours has not been read back", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3"])], 0);
    view.readAll([eni([])], 1);
    view.touch("eni-1", 2);
    expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(false);
  });

  test("one empty answer proves nothing, but for an ENI whose Delete the cloud has accepted", () => {
    const view = new CloudView();
    view.expect("eni-1", ["10.0.16.3"]);
    view.readAll([eni(["10.0.16.3"])], 0);
    view.readAll([], 1);
    expect(view.isGone("eni-1")).toBe(false);
    expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(false);
    view.readAll([eni(["10.0.16.3"])], 2);
    view.deleted("eni-1", 3);
    expect(view.isGone("eni-1")).toBe(false);
    view.readAll([], 3);
    expect(view.isGone("eni-1")).toBe(false);
    view.readAll([], 4);
    expect(view.isGone("eni-1")).toBe(true);
  });

  test("an ENI that is shown at rest after its Delete was not deleted after all", () => {
    const view = new CloudView();
    view.expect("eni-1", []);
    view.readAll([eni()], 0);
    view.deleted("eni-1", 1);
    view.readAll([eni([], { state: "deleting" })], 2);
    view.readAll([eni()], 3);
    view.readAll([], 4);
    expect(view.isGone("eni-1")).toBe(false);
  });

  test("an ENI that nobody waits for is no longer read once it is gone, nor often while it is attached to nothing", () => {
    const view = new CloudView();
    const { instanceId: _, ...alone } = eni();
    view.readAll([alone], 0);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.readAll([alone], ABSENCE_INTERVAL_MS);
    expect(view.unsettled()).toEqual([]);
    view.readAll([], ABSENCE_INTERVAL_MS + 1);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.readAll([], ABSENCE_INTERVAL_MS * 2 + 1);
    expect(view.unsettled()).toEqual([]);
    expect(view.get("eni-1")).toBeUndefined();
  });

  test("an ENI is detached only when readings far enough apart show it attached to nothing", () => {
    const view = new CloudView();
    const { instanceId: _, ...alone } = eni();
    view.readAll([alone], 0);
    expect(view.isDetached("eni-1")).toBe(false);
    expect(view.unsettled()).toEqual(["eni-1"]);
    view.readAll([eni()], ABSENCE_INTERVAL_MS);
    view.readAll([alone], ABSENCE_INTERVAL_MS + 1);
    expect(view.isDetached("eni-1")).toBe(false);
    expect(view.readAll([alone], ABSENCE_INTERVAL_MS * 2 + 1)).toEqual(["eni-1"]);
    expect(view.isDetached("eni-1")).toBe(true);
  });

  test("read() answers which ENIs changed", () => {
    const view = new CloudView();
    expect(view.readAll([eni()], 0)).toEqual(["eni-1"]);
    expect(view.readAll([eni()], 1)).toEqual([]);
    expect(view.readAll([eni(["10.0.16.3"])], 2)).toEqual(["eni-1"]);
    view.touch("eni-1", 2);
    expect(view.readAll([eni(["10.0.16.3"])], 3)).toEqual(["eni-1"]);
  });

  test("an address that was unassigned stays reserved on that ENI while the call may still be carried out", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3", "10.0.16.4"])], 0);
    view.touch("eni-1", 1);
    view.unassigned("eni-1", ["10.0.16.3"], 1);
    expect(view.isBusy("eni-1")).toBe(true);
    view.readAll([eni(["10.0.16.3", "10.0.16.4"])], 2);
    expect(view.isReserved("eni-1", "10.0.16.3", 2)).toBe(true);
    expect(view.isReserved("eni-1", "10.0.16.4", 2)).toBe(false);
    expect(view.isReserved("eni-2", "10.0.16.3", 2)).toBe(false);
    expect(view.isReserved("eni-1", "10.0.16.3", 1 + RESERVED_MS)).toBe(false);
  });

  test("what a reading shows right after a call counts only when it shows the effect, or much later", () => {
    const view = new CloudView();
    view.readAll([eni()], 0);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 5 }, 10);
    view.readAll([eni()], 20);
    expect(view.isBusy("eni-1")).toBe(true);
    view.readAll([eni(["a", "b", "c", "d", "e"])], 30);
    expect(view.isBusy("eni-1")).toBe(false);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 9 }, 40);
    view.readAll([eni()], 40 + STALE_MS - 1);
    expect(view.isBusy("eni-1")).toBe(true);
    view.readAll([eni()], 40 + STALE_MS);
    expect(view.isBusy("eni-1")).toBe(false);
  });

  test("an instance is busy while an ENI is on its way to or from it", () => {
    const view = new CloudView();
    const { instanceId: _, ...alone } = eni();
    view.readAll([alone], 0);
    expect(view.isInstanceBusy("ins-1")).toBe(false);
    view.acted("eni-1", { effect: (it) => it.instanceId !== undefined, movesOn: "ins-1" }, 1);
    expect([view.isInstanceBusy("ins-1"), view.isInstanceBusy("ins-2")]).toEqual([true, false]);
    view.readAll([eni([], { state: "attaching" })], 2);
    expect(view.isInstanceBusy("ins-1")).toBe(true);
    view.readAll([eni()], 3);
    expect(view.isInstanceBusy("ins-1")).toBe(false);
    view.readAll([eni([], { state: "detaching" })], 4);
    expect(view.isInstanceBusy("ins-1")).toBe(true);
    view.touch("eni-1", 5, "ins-1");
    view.readAll([alone], 6);
    expect(view.isInstanceBusy("ins-1")).toBe(false);
  });

  test("a reading from before a call that another has shown the effect of already changes nothing", () => {
    const view = new CloudView();
    view.readAll([eni()], 0);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 1 }, 10);
    view.readAll([eni(["10.0.16.3"])], 20);
    expect(view.read(["eni-1"], [eni()], 30)).toEqual([]);
    expect(view.get("eni-1")?.addresses).toHaveLength(1);
    view.read(["eni-1"], [eni()], 10 + STALE_MS);
    expect(view.get("eni-1")?.addresses).toEqual([]);
  });

  test("an operation that undoes the one before is believed at once", () => {
    const view = new CloudView();
    view.readAll([eni()], 0);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 1 }, 10);
    view.readAll([eni(["10.0.16.3"])], 20);
    view.acted("eni-1", { effect: (it) => it.addresses.length === 0 }, 30);
    view.readAll([eni()], 40);
    expect(view.isBusy("eni-1")).toBe(false);
  });

  test("a reading from before the ENI was made does not hide that a call on it is under way", () => {
    const view = new CloudView();
    view.readAll([eni()], 0);
    view.acted("eni-1", { effect: (it) => it.addresses.length >= 1 }, 10);
    view.readAll([], 20);
    view.readAll([eni()], 30);
    expect(view.isBusy("eni-1")).toBe(true);
    expect(view.isGone("eni-1")).toBe(false);
  });
});
