import { beforeEach, describe, expect, it } from "bun:test";
import type { Reclaim } from "../../api/reclaim.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Attachment } from "./attachment.ts";
import type { Pool } from "./pool.ts";
import { slotTarget } from "./slot-target.ts";
import { poolInMemory } from "./testing/pool-in-memory.ts";

let clock: ManualClock;
let pool: Pool;

beforeEach(() => {
  clock = createManualClock();
  pool = poolInMemory({ clock, coolDownMs: 30_000 });
  pool.take({ type: "opened" });
  pool.take({ type: "enis-ready", eniIds: new Set(["eni-1"]) });
});

function see(address: string, claim?: string, eniId = "eni-1"): void {
  const object = { uid: `uid-${address}`, eniId, subnetId: "subnet-1", instanceId: "ins-1", address, claim };
  pool.take({ type: "object-seen", object });
}

function attachment(podName: string, containerId = `c-${podName}`): Attachment {
  return { containerId, ifName: "eth0", podNamespace: "shop", podName, podUid: "" };
}

/** The address, or "waits". */
async function ask(of: Attachment, ownOnly = false): Promise<string> {
  const wish = { attachment: of, netns: "", ownOnly };
  const given = await pool.allocate(wish, () => AbortSignal.abort()).catch(() => []);
  return given[0]?.address ?? "waits";
}

describe("an address that is for a pod", () => {
  it("is given to the pod of that name, before any other, and to nobody else", async () => {
    see("10.0.16.5");
    see("10.0.16.6", "shop/web-0");
    expect(await ask(attachment("web-0"))).toBe("10.0.16.6");
    expect(await ask(attachment("web-1"))).toBe("10.0.16.5");
    expect(await ask(attachment("web-2"))).toBe("waits");
  });

  it("is of the namespace, too, and not for a caller that is no kubelet", async () => {
    see("10.0.16.6", "other/web-0");
    see("10.0.16.7", "/");
    expect(await ask(attachment("web-0"))).toBe("waits");
    expect(await ask({ ...attachment(""), podNamespace: "" })).toBe("waits");
  });

  it("is waited for while its ENI is not up, whatever else is free", async () => {
    see("10.0.16.5");
    see("10.0.16.6", "shop/web-0", "eni-2");
    expect(await ask(attachment("web-0"))).toBe("waits");
    pool.take({ type: "enis-ready", eniIds: new Set(["eni-1", "eni-2"]) });
    expect(await ask(attachment("web-0"))).toBe("10.0.16.6");
  });

  it("is given to the pod's next sandbox once the former one's link has gone, and not before", async () => {
    see("10.0.16.5");
    see("10.0.16.6", "shop/web-0");
    await ask(attachment("web-0", "c1"));
    expect(await ask(attachment("web-0", "c2"))).toBe("waits");
    pool.release({ containerId: "c1", ifName: "eth0" });
    expect(await ask(attachment("web-0", "c2"))).toBe("waits");
    pool.take({ type: "veths-read", containerIds: new Set(), readAt: clock.monotonic() });
    expect(await ask(attachment("web-0", "c2"))).toBe("10.0.16.6");
  });

  it("answers a pod that waits for it as soon as it comes; one that keeps its address takes no other", async () => {
    see("10.0.16.5");
    const waiting = pool.allocate({ attachment: attachment("web-0"), netns: "", ownOnly: true }, () =>
      AbortSignal.timeout(5_000),
    );
    expect(await ask(attachment("web-1"))).toBe("10.0.16.5");
    see("10.0.16.6", "shop/web-0");
    expect((await waiting).map(({ address }) => address)).toEqual(["10.0.16.6"]);
  });

  it("may be for any pod again", async () => {
    see("10.0.16.6", "shop/web-0");
    see("10.0.16.6");
    expect(await ask(attachment("web-1"))).toBe("10.0.16.6");
  });
});

describe("where each address comes with its pod", () => {
  const growth = { room: 3, assigned: 1, onDemand: true };

  it("offers the slots that ipamd names, and no fewer than pods fill", async () => {
    see("10.0.16.5");
    pool.take({ type: "growth-known", growth: { ...growth, slots: 7 } });
    expect(slotTarget(pool.state)).toBe(7);
    await ask(attachment("web-0"));
    pool.take({ type: "growth-known", growth: { ...growth, slots: 0 } });
    expect(slotTarget(pool.state)).toBe(1);
  });

  it("needs no address for a slot that nobody has taken", () => {
    pool.take({ type: "slots-offered", count: 7 });
    pool.take({ type: "growth-known", growth: { room: 0, assigned: 1, onDemand: false } });
    askBack("10.0.16.5", "now");
    expect(holding("10.0.16.5")).toBe("free");
    pool.take({ type: "growth-known", growth: { room: 0, assigned: 1, onDemand: false, slots: 7 } });
    expect(holding("10.0.16.5")).toBe("reclaimable");
  });

  it("has no pod wait for an address of its own where ipamd gives none to names", async () => {
    see("10.0.16.5");
    expect(await ask(attachment("web-0"), true)).toBe("waits");
    pool.take({ type: "growth-known", growth: { ...growth, slots: 7 } });
    expect(await ask(attachment("web-0"), true)).toBe("waits");
    pool.take({ type: "growth-known", growth });
    expect(await ask(attachment("web-0"), true)).toBe("10.0.16.5");
  });
});

describe("an address that is asked back to be moved", () => {
  it("waits for its pod and its link, and not for the cool-down", async () => {
    see("10.0.16.6", "shop/web-0");
    await ask(attachment("web-0", "c1"));
    askBack("10.0.16.6", "move", "shop/web-0");
    expect(holding("10.0.16.6")).toBe("in-use");
    pool.release({ containerId: "c1", ifName: "eth0" });
    expect(holding("10.0.16.6")).toBe("cooling-down");
    pool.take({ type: "veths-read", containerIds: new Set(), readAt: clock.monotonic() });
    expect(holding("10.0.16.6")).toBe("reclaimable");
    expect(await ask(attachment("web-0", "c2"))).toBe("waits");
  });

  it("cools down where it goes back to the VPC", async () => {
    see("10.0.16.6", "shop/web-0");
    pool.take({ type: "growth-known", growth: { room: 1, assigned: 1, onDemand: true, slots: 7 } });
    await ask(attachment("web-0", "c1"));
    askBack("10.0.16.6", "when-free", "shop/web-0");
    pool.release({ containerId: "c1", ifName: "eth0" });
    pool.take({ type: "veths-read", containerIds: new Set(), readAt: clock.monotonic() });
    expect(holding("10.0.16.6")).toBe("cooling-down");
  });
});

function askBack(address: string, mode: Reclaim["mode"], claim?: string): void {
  const object = {
    uid: `uid-${address}`,
    eniId: "eni-1",
    subnetId: "subnet-1",
    instanceId: "ins-1",
    address,
    claim,
  };
  pool.take({ type: "object-seen", object: { ...object, reclaim: { token: "t1", mode } } });
}

function holding(address: string): string | undefined {
  return pool.state.addresses.get(address)?.holding.kind;
}
