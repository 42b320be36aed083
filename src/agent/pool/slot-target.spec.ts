import { describe, expect, it } from "bun:test";
import type { Attachment } from "./attachment.ts";
import type { ObservedObject, PoolEvent } from "./pool-event.ts";
import { emptyPool, type Growth, type PoolState } from "./pool-state.ts";
import { slotTarget } from "./slot-target.ts";
import { step } from "./step.ts";

function attachment(containerId: string): Attachment {
  return { containerId, ifName: "eth0", podNamespace: "ns", podName: containerId, podUid: "" };
}

function object(number: number): ObservedObject {
  const address = `10.0.0.${number}`;
  return { address, uid: address, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
}

/** An open pool with that many addresses, the first of which pods hold. */
function pool({
  addresses,
  pods,
  growth,
}: {
  addresses: number;
  pods: number;
  growth: Omit<Growth, "onDemand">;
}): PoolState {
  const start = emptyPool({ coolDownMs: 1, instanceId: "ins-1" });
  return after(
    start,
    { type: "enis-ready", eniIds: new Set(["eni-1"]) },
    { type: "claims-listed", claims: new Map([["eni-1", { uid: "u1" }]]) },
    { type: "objects-listed", objects: Array.from({ length: addresses }, (_, number) => object(number)) },
    { type: "opened" },
    { type: "growth-known", growth: { ...growth, onDemand: false } },
    ...Array.from({ length: pods }, (_, number) => asking(number)),
  );
}

function asking(pod: number): PoolEvent {
  return { type: "allocate", waiter: pod, attachment: attachment(`pod-${pod}`), netns: "" };
}

function after(state: PoolState, ...events: PoolEvent[]): PoolState {
  return events.reduce((s, event) => step(s, event, { wall: 0, monotonic: 0 }).state, state);
}

describe("slotTarget()", () => {
  it.each([
    ["a node that cannot grow: what it has", { addresses: 5, pods: 5, growth: { room: 0 } }, 5],
    ["warm addresses left: what it has", { addresses: 5, pods: 4, growth: { room: 9 } }, 5],
    ["all in use: one more", { addresses: 5, pods: 5, growth: { room: 9 } }, 6],
    ["nothing there yet: one", { addresses: 0, pods: 0, growth: { room: 9 } }, 1],
    ["pods that wait count as used", { addresses: 5, pods: 7, growth: { room: 9 } }, 8],
    ["no more than can come", { addresses: 5, pods: 7, growth: { room: 1 } }, 6],
    [
      "what has come since ipamd spoke is no room",
      { addresses: 6, pods: 6, growth: { room: 1, assigned: 5 } },
      6,
    ],
    ["what is on its way is room", { addresses: 4, pods: 4, growth: { room: 1, assigned: 5 } }, 5],
  ])("%s", (_, given, target) => {
    expect(slotTarget(pool(given))).toBe(target);
  });

  it("draws no more pods to where one has waited in vain, until one is served again", () => {
    const waiting = pool({ addresses: 1, pods: 3, growth: { room: 9 } });
    expect(slotTarget(waiting)).toBe(4);
    const starved = after(waiting, { type: "give-up", waiter: 1 });
    expect(slotTarget(starved)).toBe(2);
    expect(slotTarget(after(starved, { type: "object-seen", object: object(7) }))).toBe(3);
    const served = after(
      starved,
      { type: "object-seen", object: object(7) },
      { type: "object-seen", object: object(8) },
      asking(4),
      asking(5),
    );
    expect(slotTarget(served)).toBe(5);
  });

  it("promises no room while an ENI of the node is not up: what comes might come there", () => {
    const state = pool({ addresses: 1, pods: 1, growth: { room: 9 } });
    const claims = new Map([
      ["eni-1", { uid: "u1" }],
      ["eni-2", { uid: "u2" }],
    ]);
    expect(slotTarget(after(state, { type: "claims-listed", claims }))).toBe(1);
  });
});
