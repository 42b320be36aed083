import { describe, expect, it } from "bun:test";
import { addressesOf } from "./allocate.ts";
import type { Attachment } from "./attachment.ts";
import { boundCount } from "./bound-address.ts";
import { garbage } from "./garbage.ts";
import type { PoolEffect, StoreChange } from "./outcome.ts";
import { poolCounts } from "./pool-counts.ts";
import type { PoolEvent } from "./pool-event.ts";
import { emptyPool, type Holding, type PooledAddress, type PoolState } from "./pool-state.ts";
import { publishedUse } from "./published-use.ts";
import { roomToGrow } from "./room.ts";
import { slotTarget } from "./slot-target.ts";
import { isSpare } from "./spare.ts";
import { step } from "./step.ts";
import { unaskedAddresses } from "./unasked.ts";

// An attachment that holds an address of each family. Today's agent gives IPv4 ones only: the other was given by a later one.

const V4 = "10.0.16.5";
const V6 = "2001:db8::5";
const NOW = { wall: 1_700_000_000_000, monotonic: 1_000_000 };
const LONG_AGO = NOW.wall - 1_000_000;

const web: Attachment = {
  containerId: "c-web",
  ifName: "eth0",
  podNamespace: "shop",
  podName: "web",
  podUid: "u",
  network: "tke-route-eni",
};
const held: Holding = { kind: "in-use", attachment: web, netns: "/run/netns/web", since: LONG_AGO };
const free: Holding = { kind: "free", since: LONG_AGO, restingSince: 0 };

function record(address: string, holding: Holding): PooledAddress {
  const object = { uid: `uid-${address}`, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  return { address, eniId: "eni-1", subnetId: "subnet-1", object, holding };
}

function poolOf(...records: PooledAddress[]): PoolState {
  return {
    ...emptyPool({ coolDownMs: 30_000, instanceId: "ins-1" }),
    open: true,
    readyEnis: new Set(["eni-1"]),
    addresses: new Map(records.map((r) => [r.address, r])),
  };
}

function after(state: PoolState, ...events: PoolEvent[]) {
  const changes: StoreChange[] = [];
  const effects: PoolEffect[] = [];
  let current = state;
  for (const event of events) {
    const outcome = step(current, event, NOW);
    current = outcome.state;
    changes.push(...outcome.changes);
    effects.push(...outcome.effects);
  }
  return { state: current, changes, effects };
}

const asks = (attachment: Attachment): PoolEvent => ({ type: "allocate", waiter: 1, attachment, netns: "" });

function answered(effects: readonly PoolEffect[]): string[] | undefined {
  const answer = effects.find((effect) => effect.type === "answer");
  return answer?.type === "answer" ? answer.addresses.map(({ address }) => address) : undefined;
}

const both = poolOf(record(V6, held), record(V4, held), record("10.0.16.6", free));

describe("an attachment with an address of each family", () => {
  it("is answered with both when it asks again, IPv4 first, and nothing changes", () => {
    const again = after(both, asks(web), asks(web));
    expect(answered(again.effects)).toEqual([V4, V6]);
    expect(again.changes).toEqual([]);
    expect(again.state.addresses).toEqual(both.addresses);
  });

  it("gets what it lacks beside what it holds", () => {
    const half = after(poolOf(record(V6, held), record("10.0.16.6", free)), asks(web));
    expect(answered(half.effects)).toEqual(["10.0.16.6", V6]);
    expect(half.changes).toMatchObject([{ type: "holding", address: { address: "10.0.16.6" } }]);
    expect(addressesOf(half.state, web).map(({ address }) => address)).toEqual(["10.0.16.6", V6]);
  });

  it("gives both back at once, and both rest", () => {
    const { state, changes, effects } = after(both, { type: "release", attachment: web });
    expect(effects).toEqual([
      { type: "released", address: V4 },
      { type: "released", address: V6 },
    ]);
    expect(changes).toHaveLength(2);
    for (const address of [V4, V6]) {
      expect(state.addresses.get(address)?.holding).toMatchObject({
        kind: "cooling-down",
        containerId: "c-web",
      });
    }
    const seen = new Set<string>();
    const rested = after(state, { type: "veths-read", containerIds: seen, readAt: NOW.monotonic + 1 }).state;
    const later = { wall: NOW.wall + 30_000, monotonic: NOW.monotonic + 30_000 };
    const end = step(rested, { type: "tick" }, later).state;
    expect([V4, V6].map((address) => end.addresses.get(address)?.holding.kind)).toEqual(["free", "free"]);
  });

  it("fills one slot", () => {
    // Its pod, and one that may come for 10.0.16.6.
    expect(slotTarget(both)).toBe(2);
    const offered: PoolState = { ...both, offeredSlots: 2 };
    expect(isSpare(offered, 1)).toBe(false);
    expect(isSpare({ ...offered, offeredSlots: 1 }, 1)).toBe(true);
    const growing: PoolState = {
      ...poolOf(record(V4, held), record(V6, held)),
      growth: { room: 5, assigned: 1, onDemand: false },
    };
    expect(roomToGrow(growing)).toBe(5);
    expect(slotTarget(growing)).toBe(2);
  });

  it("takes one of its pod's slots, for both addresses or for neither", () => {
    const told = (slots: number): PoolState => ({
      ...both,
      heldSlots: { byPod: new Map([["shop/web", slots]]), readAt: NOW.wall },
    });
    expect(unaskedAddresses(told(1))).toEqual(new Set());
    expect(unaskedAddresses(told(0))).toEqual(new Set([V4, V6]));
    expect(slotTarget(told(0))).toBe(1);
    const net1 = { ...web, ifName: "net1" };
    const beside = { ...held, attachment: net1, since: LONG_AGO + 1 };
    const two: PoolState = {
      ...poolOf(
        record("10.0.16.7", beside),
        record(V6, held),
        record("2001:db8::7", beside),
        record(V4, held),
      ),
      heldSlots: { byPod: new Map([["shop/web", 1]]), readAt: NOW.wall },
    };
    expect(unaskedAddresses(two)).toEqual(new Set(["10.0.16.7", "2001:db8::7"]));
  });

  it("is one piece of garbage", () => {
    expect(garbage(both, { network: "tke-route-eni", valid: [], now: NOW.wall })).toEqual([web]);
    expect(garbage(both, { network: "tke-route-eni", valid: [web], now: NOW.wall })).toEqual([]);
  });

  it("is published with both, and counted as one address in use", () => {
    for (const address of [V4, V6]) {
      expect(publishedUse(both, both.addresses.get(address) as PooledAddress)).toMatchObject({
        state: "InUse",
        pod: "shop/web",
        containerID: "c-web",
      });
    }
    expect(poolCounts(both)).toEqual({ inUse: 1, free: 1, coolingDown: 0 });
  });

  it("keeps its ENI and refuses each of its addresses on its own", () => {
    const claims = new Map([["eni-1", { uid: "u", reclaim: { token: "t", mode: "now" as const } }]]);
    const asked = after(poolOf(record(V6, held)), { type: "claims-listed", claims });
    expect(asked.state.claims.get("eni-1")).toMatchObject({ refusedToken: "t" });
    const object = {
      address: V6,
      uid: `uid-${V6}`,
      eniId: "eni-1",
      subnetId: "subnet-1",
      instanceId: "ins-1",
    };
    const reclaim = { token: "t", mode: "now" as const };
    const refused = after(both, { type: "object-seen", object: { ...object, reclaim } }).state;
    expect(publishedUse(refused, refused.addresses.get(V6) as PooledAddress)?.state).toBe("Refused");
    expect(publishedUse(refused, refused.addresses.get(V4) as PooledAddress)?.state).toBe("InUse");
  });

  it("is one attachment as well when the kernel alone tells of it", () => {
    const stranger = { containerId: "c-web", linkName: "eni7", eniId: "eni-1" };
    const { state } = after(poolOf(record(V4, free), record(V6, free)), {
      type: "strangers-seen",
      strangers: [
        { ...stranger, address: V4 },
        { ...stranger, address: V6 },
        { ...stranger, address: "10.0.16.9", linkName: "eni8" },
      ],
    });
    const found = { containerId: "c-web", ifName: "eth0" };
    expect(addressesOf(state, found).map(({ address }) => address)).toEqual([V4, V6]);
    expect(addressesOf(state, { ...found, ifName: "eni8" }).map(({ address }) => address)).toEqual([
      "10.0.16.9",
    ]);
  });
});

describe("an IPv6 address that nobody holds", () => {
  const alone = poolOf(record(V6, free));

  it("is given to nobody, and is no address that the node can offer", () => {
    const asked = after(alone, asks(web));
    expect(answered(asked.effects)).toBeUndefined();
    expect(asked.state.waiters).toHaveLength(1);
    expect([boundCount(alone), slotTarget(alone)]).toEqual([0, 0]);
    expect(poolCounts(alone)).toEqual({ inUse: 0, free: 0, coolingDown: 0 });
    const served = after(asked.state, {
      type: "object-seen",
      object: { address: V4, uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" },
    });
    expect(answered(served.effects)).toEqual([V4]);
  });

  it("does not count as one that has come since ipamd told how far the node can grow", () => {
    const growth = { room: 3, assigned: 1, onDemand: false };
    expect(roomToGrow({ ...poolOf(record(V6, free), record(V4, free)), growth })).toBe(3);
  });

  it("goes back as soon as it is asked for, whatever the kubelet was offered", () => {
    const object = {
      address: V6,
      uid: `uid-${V6}`,
      eniId: "eni-1",
      subnetId: "subnet-1",
      instanceId: "ins-1",
    };
    const reclaim = { token: "t", mode: "now" as const };
    const state = { ...poolOf(record(V6, free), record(V4, free)), offeredSlots: 2 };
    const { effects } = after(state, { type: "object-seen", object: { ...object, reclaim } });
    expect(effects).toMatchObject([{ type: "promised", address: V6, promise: { token: "t" } }]);
  });
});
