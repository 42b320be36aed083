import { describe, expect, test } from "bun:test";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { ABSENCE_INTERVAL_MS, CloudView, RESERVED_MS, STALE_MS } from "./cloud-view.ts";

function eni(addresses: string[] = [], overrides: Partial<Eni> = {}): Eni {
  return cloudEni({
    subnetId: "subnet-1",
    zone: "zone-1",
    instanceId: "ins-1",
    addresses: addresses.map((address) => ({ address, state: "available" })),
    ...overrides,
  });
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

  test("an address whose Unassign was answered may be used again once the cloud says that it assigned it anew", () => {
    const view = new CloudView();
    view.readAll([eni(["10.0.16.3", "10.0.16.4", "10.0.16.5"])], 0);
    const reserved = (now: number) =>
      ["10.0.16.3", "10.0.16.4", "10.0.16.5"].filter((address) => view.isReserved("eni-1", address, now));
    view.unassigned("eni-1", ["10.0.16.3", "10.0.16.4", "10.0.16.5"], 1);
    view.answered("eni-1", ["10.0.16.3", "10.0.16.4"], 2);
    // Of another one that may still come, as a former leader has written.
    view.given("eni-1", ["10.0.16.3", "10.0.16.5"]);
    expect(reserved(3)).toEqual(["10.0.16.4", "10.0.16.5"]);
    view.reserve("eni-1", "10.0.16.3", 1000);
    expect(reserved(3)).toEqual(["10.0.16.4", "10.0.16.5"]);
    expect(reserved(2 + STALE_MS)).toEqual(["10.0.16.5"]);
    view.unassigned("eni-1", ["10.0.16.3"], 4);
    expect(reserved(5)).toContain("10.0.16.3");
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

  describe("of an address that moves", () => {
    const other = (addresses: string[] = []) => eni(addresses, { id: "eni-2", instanceId: "ins-2" });
    const migrating = (id: string) =>
      eni([], { id, addresses: [{ address: "10.0.16.3", state: "migrating" }] });
    const has = (it: Eni) => it.addresses.some(({ address }) => address === "10.0.16.3");

    function before(): CloudView {
      const view = new CloudView();
      view.expect("eni-1", ["10.0.16.3"]);
      view.readAll([eni(["10.0.16.3"]), other()], 0);
      return view;
    }

    test("keeps the ENI busy that shows it, whichever of the two, and is there still", () => {
      const view = before();
      view.readAll([migrating("eni-1"), other()], 1);
      expect([view.isBusy("eni-1"), view.isBusy("eni-2")]).toEqual([true, false]);
      expect(view.unsettled()).toEqual(["eni-1"]);
      expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(false);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-1");

      view.readAll([eni(), migrating("eni-2")], 2);
      expect(view.isBusy("eni-2")).toBe(true);
      expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(true);
      expect(view.isAddressAbsent("eni-2", "10.0.16.3")).toBe(false);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-2");
    });

    test("is absent on the former ENI once a reading shows it on the next one, and gone there only when proven", () => {
      const view = before();
      expect(view.readAll([eni(), other(["10.0.16.3"])], 1)).toEqual(["eni-1", "eni-2"]);
      expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(true);
      expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(false);
      expect(view.isAddressAbsent("eni-2", "10.0.16.3")).toBe(false);
      view.readAll([eni(), other(["10.0.16.3"])], 1 + ABSENCE_INTERVAL_MS);
      expect(view.isAddressGone("eni-1", "10.0.16.3")).toBe(true);
      expect(view.isAddressGone("eni-2", "10.0.16.3")).toBe(false);
    });

    test("keeps both ENIs busy from our call on until each shows its effect", () => {
      const view = before();
      view.expect("eni-2", ["10.0.16.3"]);
      view.acted("eni-1", { effect: (it) => !has(it) }, 1);
      view.acted("eni-2", { effect: has }, 1);
      view.readAll([eni(["10.0.16.3"]), other()], 2);
      view.readAll([migrating("eni-1"), other()], 3);
      expect([view.isBusy("eni-1"), view.isBusy("eni-2")]).toEqual([true, true]);
      expect(view.isAddressAbsent("eni-2", "10.0.16.3")).toBe(false);
      view.readAll([eni(), other(["10.0.16.3"])], 4);
      expect([view.isBusy("eni-1"), view.isBusy("eni-2")]).toEqual([false, false]);
      // From before the move: it takes nothing back.
      view.readAll([eni(["10.0.16.3"]), other()], 5);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-2");
      expect(view.isAddressAbsent("eni-1", "10.0.16.3")).toBe(true);
    });

    test("is where it came from when readings go on to show it there: the move has failed", () => {
      const view = before();
      view.acted("eni-1", { effect: (it) => !has(it) }, 1);
      view.acted("eni-2", { effect: has }, 1);
      view.readAll([migrating("eni-1"), other()], 2);
      view.readAll([eni(["10.0.16.3"]), other()], 3);
      expect(view.isBusy("eni-2")).toBe(true);
      view.readAll([eni(["10.0.16.3"]), other()], 1 + STALE_MS);
      expect([view.isBusy("eni-1"), view.isBusy("eni-2")]).toEqual([false, false]);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-1");
    });
  });

  describe("eniWith()", () => {
    const on = (id: string, ...addresses: string[]) => eni(addresses, { id });

    test("answers the ENI that was seen with the address last, however the readings of the two come", () => {
      const view = new CloudView();
      expect(view.eniWith("10.0.16.3")).toBeUndefined();
      view.created(on("eni-1", "10.0.16.3"), 0);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-1");
      view.read(["eni-2"], [on("eni-2", "10.0.16.3")], 1);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-2");
      view.read(["eni-1"], [on("eni-1")], 2);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-2");
      view.readAll([on("eni-2"), on("eni-1", "10.0.16.3")], 3);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-1");
      view.readAll([on("eni-2", "10.0.16.3"), on("eni-1")], 4);
      expect(view.eniWith("10.0.16.3")?.id).toBe("eni-2");
    });

    test("answers none for an address that was taken off, and for one of an ENI that was forgotten", () => {
      const view = new CloudView();
      view.readAll([on("eni-1", "10.0.16.3", "10.0.16.4"), on("eni-2", "10.0.16.5")], 0);
      view.readAll([on("eni-1", "10.0.16.4"), on("eni-2", "10.0.16.5")], 1);
      expect(view.eniWith("10.0.16.3")).toBeUndefined();
      expect(view.eniWith("10.0.16.4")?.id).toBe("eni-1");
      view.forget("eni-1");
      expect(view.eniWith("10.0.16.4")).toBeUndefined();
      // Nobody expects the other one: once it is gone it is forgotten by itself.
      view.readAll([], 2);
      expect(view.eniWith("10.0.16.5")?.id).toBe("eni-2");
      expect(view.isBusy("eni-2")).toBe(true);
      view.readAll([], 2 + ABSENCE_INTERVAL_MS);
      expect(view.eniWith("10.0.16.5")).toBeUndefined();
    });

    test("is told by the latest state that is known of the ENI", () => {
      const view = new CloudView();
      view.readAll([on("eni-1", "10.0.16.3")], 0);
      view.readAll([eni([], { addresses: [{ address: "10.0.16.3", state: "deleting" }] })], 1);
      expect(view.eniWith("10.0.16.3")?.addresses).toEqual([{ address: "10.0.16.3", state: "deleting" }]);
    });
  });
});
