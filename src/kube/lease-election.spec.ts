import { describe, expect, test } from "bun:test";
import type { Lease, LeaseSpec } from "./core-resources.ts";
import {
  checkSettings,
  confirm,
  type ElectionSettings,
  type ElectionState,
  intend,
  lapse,
  nextStep,
  release,
  seeLease,
} from "./lease-election.ts";

const settings: ElectionSettings = {
  identity: "me",
  leaseDurationMs: 15_000,
  retryMs: 2_000,
  longestCallMs: 10_000,
};
const wallNow = Date.UTC(2026, 0, 2, 3, 4, 5, 67);

const lease = (resourceVersion: string, spec: LeaseSpec): Lease => ({
  metadata: { name: "ipamd", namespace: "kube-system", uid: "u", resourceVersion, creationTimestamp: "" },
  spec,
});
const heldByOther = (version: string) =>
  lease(version, { holderIdentity: "other", leaseDurationSeconds: 20, leaseTransitions: 4 });

const see = (state: ElectionState, seen: Lease | undefined, now: number) =>
  seeLease(state, seen, { ...settings, now });
const step = (state: ElectionState, now: number) => nextStep(state, { ...settings, now, wallNow });

function act(state: ElectionState, now: number) {
  const next = step(state, now);
  if (next.do === "wait") throw new Error("expected something to do");
  return next;
}

describe("nextStep()", () => {
  test("creates a Lease that is not there, and waits as if one had been deleted under its holder", () => {
    expect(step({}, 1000)).toEqual({
      do: "create",
      spec: {
        holderIdentity: "me",
        acquireTime: "2026-01-02T03:04:05.067000Z",
        renewTime: "2026-01-02T03:04:05.067000Z",
        leaseDurationSeconds: 15,
        leaseTransitions: 0,
      },
      acquisition: { from: "nobody", previousHolder: undefined, waitUntil: 1000 + 15_000 + 10_000 },
    });
  });

  test("waits while another holder renews, by our clock and its promise, never by its wall clock", () => {
    let state = see({}, heldByOther("1"), 0);
    expect(step(state, 0)).toEqual({ do: "wait", ms: 2_000 });
    state = see(state, heldByOther("1"), 19_000);
    expect(step(state, 19_000)).toEqual({ do: "wait", ms: 1_000 });
    state = see(state, heldByOther("2"), 19_999);
    expect(step(state, 20_000)).toEqual({ do: "wait", ms: 2_000 });
  });

  test("takes what was not renewed for as long as its holder promised, and lets a paused holder time", () => {
    const state = see({}, heldByOther("1"), 0);
    expect(act(state, 20_000)).toMatchObject({
      do: "write",
      resourceVersion: "1",
      spec: { holderIdentity: "me", leaseTransitions: 5 },
      acquisition: { from: "expired", previousHolder: "other", waitUntil: 20_000 + 20_000 + 10_000 },
    });
  });

  test("takes what was given back without waiting", () => {
    const state = see({}, lease("1", release(heldByOther("0"), { wallNow }) as LeaseSpec), 500);
    expect(act(state, 500)).toMatchObject({ acquisition: { from: "released", waitUntil: 500 } });
  });

  test("renews what is ours: its time changes, its acquisition does not", () => {
    let state = see({}, heldByOther("1"), 0);
    const taken = act(state, 20_000);
    const ours = lease("2", taken.spec);
    state = confirm(intend(state, taken.acquisition), {
      ...settings,
      lease: ours,
      sentAt: 20_000,
      now: 20_300,
    });
    expect(state.validUntil).toBe(35_000);
    const renewed = act(state, 22_300);
    expect(renewed).toMatchObject({ resourceVersion: "2", acquisition: taken.acquisition });
    expect(renewed.spec.acquireTime).toBe(taken.spec.acquireTime as string);
  });
});

describe("what can go wrong", () => {
  test("the answer to our claim is lost: we find our name, and wait as long as the claim said", () => {
    let state = see({}, heldByOther("1"), 0);
    const taken = act(state, 20_000);
    state = intend(state, taken.acquisition);
    state = see(state, lease("2", taken.spec), 26_000);
    expect(state.validUntil).toBeUndefined();
    expect(act(state, 26_000).acquisition).toEqual(taken.acquisition);
  });

  test("our lease runs out and nobody takes it: the first wait still holds", () => {
    let state = see({}, heldByOther("1"), 0);
    const taken = act(state, 20_000);
    const ours = lease("2", taken.spec);
    state = confirm(intend(state, taken.acquisition), {
      ...settings,
      lease: ours,
      sentAt: 20_000,
      now: 20_000,
    });
    expect(lapse(state, 34_999).validUntil).toBe(35_000);
    state = lapse(state, 35_000);
    expect(state.validUntil).toBeUndefined();
    state = see(state, ours, 36_000);
    expect(act(state, 36_000).acquisition.waitUntil).toBe(50_000);
  });

  test("somebody else took it: nothing of ours is left", () => {
    const state = confirm(
      {},
      { ...settings, lease: lease("2", { holderIdentity: "me" }), sentAt: 0, now: 0 },
    );
    expect(see(state, heldByOther("3"), 1)).toEqual({ seen: { lease: heldByOther("3"), since: 1 } });
  });

  test("it was deleted: we lead no more", () => {
    const state = confirm(
      {},
      { ...settings, lease: lease("2", { holderIdentity: "me" }), sentAt: 0, now: 0 },
    );
    expect(see(state, undefined, 1)).toEqual({});
  });

  test("our name stands there, but not by us: a process with our identity may still act", () => {
    const state = see({}, lease("2", { holderIdentity: "me", leaseDurationSeconds: 15 }), 0);
    expect(act(state, 0).acquisition).toMatchObject({ from: "expired", waitUntil: 25_000 });
  });
});

test("checkSettings() refuses a lease under which no call could be sent", () => {
  expect(() => checkSettings(settings)).not.toThrow();
  expect(() => checkSettings({ ...settings, longestCallMs: 11_000 })).toThrow(
    "a lease of 15000 ms renewed every 2000 ms would not outlive a call of 11000 ms: make it longer than 15000 ms",
  );
});
