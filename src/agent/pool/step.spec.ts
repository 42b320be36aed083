import { describe, expect, it } from "bun:test";
import type { Attachment } from "./attachment.ts";
import { boundCount } from "./bound-address.ts";
import { nextCoolDownEnd } from "./cool-down.ts";
import type { PoolEffect, StoreChange } from "./outcome.ts";
import { poolCounts } from "./pool-counts.ts";
import type { ObservedObject, PoolEvent } from "./pool-event.ts";
import { emptyPool, type PoolState } from "./pool-state.ts";
import { publishedUse } from "./published-use.ts";
import { restorePool } from "./restore-pool.ts";
import { slotTarget } from "./slot-target.ts";
import { step } from "./step.ts";

const COOL_DOWN = 30_000;

/** A pool with time that the test moves. */
class Bench {
  state: PoolState = emptyPool({ coolDownMs: COOL_DOWN });
  changes: StoreChange[] = [];
  effects: PoolEffect[] = [];
  time = 1000;
  #waiter = 0;

  send(...events: PoolEvent[]): this {
    for (const event of events) {
      const outcome = step(this.state, event, { wall: 1_700_000_000_000 + this.time, monotonic: this.time });
      this.state = outcome.state;
      this.changes.push(...outcome.changes);
      this.effects.push(...outcome.effects);
    }
    return this;
  }

  after(ms: number): this {
    this.time += ms;
    return this.send({ type: "tick" });
  }

  /** Open, ENI up, with these addresses. */
  with(...addresses: string[]): this {
    return this.send(
      { type: "instance-known", instanceId: "ins-1" },
      { type: "enis-ready", eniIds: new Set(["eni-1"]) },
      { type: "objects-listed", objects: addresses.map((address) => object(address)) },
      { type: "opened" },
    );
  }

  /** Asks for an address and returns it, or undefined when the caller has to wait. */
  allocate(name: string): string | undefined {
    const waiter = ++this.#waiter;
    this.send({ type: "allocate", waiter, attachment: attachment(name), netns: `/run/netns/${name}` });
    return this.answerTo(waiter);
  }

  answerTo(waiter: number): string | undefined {
    const answer = this.effects.find((e) => e.type === "answer" && e.waiter === waiter);
    return answer?.type === "answer" ? answer.addresses.map((a) => a.address).join(" ") : undefined;
  }

  release(name: string): this {
    return this.send({ type: "release", attachment: attachment(name) });
  }

  /** A read of the host in which only these containers' veths are left. */
  veths(...names: string[]): this {
    return this.send({ type: "veths-read", containerIds: new Set(names), readAt: this.time });
  }

  use(address: string) {
    const record = this.state.addresses.get(address);
    return record && publishedUse(this.state, record);
  }
}

function attachment(name: string): Attachment {
  return { containerId: name, ifName: "eth0", podNamespace: "default", podName: name, podUid: `uid-${name}` };
}

function object(address: string, more: Partial<ObservedObject> = {}): ObservedObject {
  return {
    address,
    uid: `uid-${address}`,
    eniId: "eni-1",
    subnetId: "subnet-1",
    instanceId: "ins-1",
    ...more,
  };
}

function asked(address: string, token: string, mode: "now" | "when-free"): PoolEvent {
  return { type: "object-seen", object: object(address, { reclaim: { token, mode } }) };
}

describe("allocate", () => {
  it("gives the same attachment the same address", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    expect(pool.allocate("a")).toBe("10.0.0.1");
    expect(pool.allocate("a")).toBe("10.0.0.1");
    expect(pool.allocate("b")).toBe("10.0.0.2");
  });

  it("writes the allocation in the step that answers it", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.changes = [];
    pool.allocate("a");
    expect(pool.changes).toMatchObject([{ type: "holding", address: { address: "10.0.0.1" } }]);
  });

  it("picks the address that has rested longest", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.after(1).release("a").veths().after(COOL_DOWN);
    expect(pool.allocate("b")).toBe("10.0.0.2");
    expect(pool.allocate("c")).toBe("10.0.0.1");
  });

  it("hands out nothing before the pool is open", () => {
    const pool = new Bench().send(
      { type: "instance-known", instanceId: "ins-1" },
      { type: "enis-ready", eniIds: new Set(["eni-1"]) },
      { type: "object-seen", object: object("10.0.0.1") },
    );
    expect(pool.allocate("a")).toBeUndefined();
    pool.send({ type: "opened" });
    expect(pool.answerTo(1)).toBe("10.0.0.1");
  });

  it("does not hand out an address of another instance, or one whose ENI is not up", () => {
    const pool = new Bench()
      .with()
      .send(
        { type: "object-seen", object: object("10.0.0.1", { instanceId: "ins-2" }) },
        { type: "object-seen", object: object("10.0.0.2", { eniId: "eni-2" }) },
      );
    expect(pool.allocate("a")).toBeUndefined();
    expect(boundCount(pool.state)).toBe(0);
    pool.send({ type: "enis-ready", eniIds: new Set(["eni-1", "eni-2"]) });
    expect(pool.answerTo(1)).toBe("10.0.0.2");
  });

  it("takes the addresses of an ENI that went down out of the pool at once", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.send({ type: "enis-ready", eniIds: new Set() });
    expect(boundCount(pool.state)).toBe(0);
    expect(pool.allocate("b")).toBeUndefined();
    expect(poolCounts(pool.state)).toEqual({ inUse: 1, free: 0, coolingDown: 0 });
  });

  it("serves waiting callers in the order in which they came", () => {
    const pool = new Bench().with();
    pool.allocate("a");
    pool.allocate("b");
    pool.send({ type: "object-seen", object: object("10.0.0.1") });
    expect([pool.answerTo(1), pool.answerTo(2)]).toEqual(["10.0.0.1", undefined]);
    pool.send({ type: "object-seen", object: object("10.0.0.2") });
    expect(pool.answerTo(2)).toBe("10.0.0.2");
  });

  it("gives nothing to a caller that has given up", () => {
    const pool = new Bench().with();
    pool.allocate("a");
    pool.send({ type: "give-up", waiter: 1 }, { type: "object-seen", object: object("10.0.0.1") });
    expect(pool.answerTo(1)).toBeUndefined();
    expect(pool.allocate("b")).toBe("10.0.0.1");
  });
});

describe("release", () => {
  it("cools the address down, and uses it early only when nothing else is left", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.release("a").veths();
    expect(pool.allocate("b")).toBe("10.0.0.2");
    expect(pool.allocate("c")).toBe("10.0.0.1");
  });

  it("never hands an address out while the old veth stands", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool
      .release("a")
      .veths("a")
      .after(10 * COOL_DOWN);
    expect(pool.allocate("b")).toBeUndefined();
    pool.veths();
    expect(pool.answerTo(2)).toBe("10.0.0.1");
  });

  it("does not trust a read of the veths that began before the release", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    const before = pool.time;
    pool.after(5).release("a");
    pool.send({ type: "veths-read", containerIds: new Set(), readAt: before });
    expect(pool.allocate("b")).toBeUndefined();
  });

  it("is a success for an attachment that holds nothing", () => {
    const pool = new Bench().with("10.0.0.1");
    const before = pool.state;
    pool.release("nobody");
    expect(pool.state).toEqual(before);
  });

  it("does not touch the address of the pod's next sandbox", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("old");
    pool.allocate("new");
    pool.release("old").release("old");
    expect(pool.use("10.0.0.2")?.state).toBe("InUse");
  });

  it("sends away callers that still wait for the attachment", () => {
    const pool = new Bench().with();
    pool.allocate("a");
    pool.release("a");
    expect(pool.effects).toContainEqual({ type: "dismiss", waiter: 1 });
    pool.send({ type: "object-seen", object: object("10.0.0.1") });
    expect(pool.answerTo(1)).toBeUndefined();
  });

  it("tells when the cool-down ends", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    expect(nextCoolDownEnd(pool.state)).toBeUndefined();
    pool.release("a").veths();
    expect(nextCoolDownEnd(pool.state)).toBe(pool.time + COOL_DOWN);
    pool.after(COOL_DOWN - 1);
    expect(pool.use("10.0.0.1")?.state).toBe("CoolingDown");
    pool.after(1);
    expect(pool.use("10.0.0.1")?.state).toBe("Free");
  });
});

describe("reclaim", () => {
  it("is promised at once for a free address, which is then never handed out", () => {
    const pool = new Bench().with("10.0.0.1").send(asked("10.0.0.1", "t1", "now"));
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Reclaimable", token: "t1" });
    expect(pool.allocate("a")).toBeUndefined();
    expect(boundCount(pool.state)).toBe(0);
  });

  it("writes the promise in the step that makes it", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.changes = [];
    pool.send(asked("10.0.0.1", "t1", "now"));
    expect(pool.changes).toMatchObject([
      { type: "holding", address: { holding: { kind: "reclaimable", token: "t1" } } },
    ]);
  });

  it("stays promised when the request is withdrawn, and answers a new token too", () => {
    const pool = new Bench().with("10.0.0.1").send(asked("10.0.0.1", "t1", "now"));
    pool.send({ type: "object-seen", object: object("10.0.0.1") });
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Reclaimable", token: "t1" });
    pool.send(asked("10.0.0.1", "t2", "when-free"));
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Reclaimable", token: "t2" });
  });

  it("is refused in mode now while a pod holds the address, for good for that token", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool.send(asked("10.0.0.1", "t1", "now"));
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Refused", token: "t1", containerID: "a" });
    pool.release("a").veths().after(COOL_DOWN);
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Refused", token: "t1" });
    expect(pool.allocate("b")).toBe("10.0.0.1");
    pool
      .release("b")
      .veths()
      .after(COOL_DOWN)
      .send(asked("10.0.0.1", "t2", "now"));
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Reclaimable", token: "t2" });
  });

  it("remembers a refusal that an earlier life published", () => {
    const pool = new Bench().with().send({
      type: "object-seen",
      object: object("10.0.0.1", { reclaim: { token: "t1", mode: "now" }, refusedToken: "t1" }),
    });
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Refused", token: "t1" });
  });

  it("waits in mode when-free until the pod has gone and the cool-down is over", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool.send(asked("10.0.0.1", "t1", "when-free"));
    expect(pool.use("10.0.0.1")?.state).toBe("InUse");
    pool.release("a").veths();
    expect(pool.use("10.0.0.1")?.state).toBe("CoolingDown");
    pool.after(COOL_DOWN);
    expect(pool.use("10.0.0.1")).toMatchObject({ state: "Reclaimable", token: "t1" });
  });

  it("waits for the old veth, in mode now too", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool
      .release("a")
      .veths("a")
      .after(2 * COOL_DOWN)
      .send(asked("10.0.0.1", "t1", "now"));
    expect(pool.use("10.0.0.1")?.state).toBe("CoolingDown");
    pool.veths();
    expect(pool.use("10.0.0.1")?.state).toBe("Reclaimable");
  });

  it("comes after callers that wait", () => {
    const pool = new Bench().with();
    pool.allocate("a");
    pool.send(asked("10.0.0.1", "t1", "when-free"));
    expect(pool.answerTo(1)).toBe("10.0.0.1");
    expect(pool.use("10.0.0.1")?.state).toBe("InUse");
  });

  it("keeps an address for every slot that the kubelet was offered", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2").send({ type: "slots-offered", count: 2 });
    pool.send(asked("10.0.0.2", "t1", "now"));
    expect(pool.use("10.0.0.2")?.state).toBe("Free");
    expect(slotTarget(pool.state)).toBe(1);
    expect(pool.allocate("a")).toBe("10.0.0.1");
    pool.send({ type: "slots-offered", count: 1 });
    expect(pool.use("10.0.0.2")?.state).toBe("Reclaimable");
    expect(slotTarget(pool.state)).toBe(1);
  });

  it("goes on with the last slot unfilled where another address can come", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2").send({ type: "slots-offered", count: 2 });
    pool.allocate("a");
    pool.send(
      { type: "growth-known", growth: { room: 1, onDemand: false } },
      asked("10.0.0.2", "t1", "when-free"),
    );
    expect(slotTarget(pool.state)).toBe(2);
    expect(pool.use("10.0.0.2")).toMatchObject({ state: "Reclaimable", token: "t1" });
  });

  it("waits for the slots of a busy node although another address can come, while several are open", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2").send({ type: "slots-offered", count: 2 });
    pool.send(
      { type: "growth-known", growth: { room: 9, onDemand: false } },
      asked("10.0.0.2", "t1", "when-free"),
    );
    expect(pool.use("10.0.0.2")?.state).toBe("Free");
    pool.send({ type: "slots-offered", count: slotTarget(pool.state) });
    expect(pool.use("10.0.0.2")?.state).toBe("Reclaimable");
  });

  it("is not held up by the slot of a pod whose address has gone", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.send({ type: "object-gone", address: "10.0.0.1" }, asked("10.0.0.2", "t1", "when-free"));
    expect(pool.use("10.0.0.2")?.state).toBe("Reclaimable");
  });

  it("starts anew with a new object of the same address", () => {
    const pool = new Bench().with("10.0.0.1").send(asked("10.0.0.1", "t1", "now"));
    pool.send({ type: "object-seen", object: object("10.0.0.1", { uid: "uid-second-life" }) });
    expect(pool.use("10.0.0.1")?.state).toBe("Free");
    expect(pool.allocate("a")).toBe("10.0.0.1");
  });
});

describe("an object that vanishes", () => {
  it("takes a free address out of the pool", () => {
    const pool = new Bench().with("10.0.0.1").send({ type: "object-gone", address: "10.0.0.1" });
    expect(pool.state.addresses.size).toBe(0);
    expect(pool.allocate("a")).toBeUndefined();
  });

  it("leaves the pod that holds the address alone, and never hands it out again", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool.send({ type: "objects-listed", objects: [] });
    expect(pool.effects).toContainEqual({
      type: "orphaned",
      address: "10.0.0.1",
      attachment: attachment("a"),
    });
    expect(pool.allocate("a")).toBe("10.0.0.1");
    pool.release("a").veths();
    expect(pool.allocate("b")).toBeUndefined();
    pool.after(COOL_DOWN);
    expect(pool.state.addresses.size).toBe(0);
  });

  it("goes on cooling down when the address comes back early", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.release("a").veths().send({ type: "object-gone", address: "10.0.0.1" });
    pool.send({ type: "object-seen", object: object("10.0.0.1", { uid: "uid-second-life" }) });
    expect(pool.use("10.0.0.1")?.state).toBe("CoolingDown");
  });
});

describe("reclaim of an ENI", () => {
  function claim(token: string, mode: "now" | "when-free", uid = "uid-eni-1"): PoolEvent {
    return { type: "claims-listed", claims: new Map([["eni-1", { uid, reclaim: { token, mode } }]]) };
  }

  it("is promised when no pod holds one of its addresses, and closes the pool", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2").send(claim("t1", "now"));
    expect(pool.state.claims.get("eni-1")?.promise).toMatchObject({ token: "t1" });
    expect(boundCount(pool.state)).toBe(0);
    expect(pool.allocate("a")).toBeUndefined();
  });

  it("is refused in mode now while a pod holds one, for good for that token", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2");
    pool.allocate("a");
    pool.send(claim("t1", "now"));
    expect(pool.state.claims.get("eni-1")).toMatchObject({ refusedToken: "t1" });
    pool.release("a").veths().after(COOL_DOWN);
    expect(pool.state.claims.get("eni-1")?.promise).toBeUndefined();
    pool.send(claim("t2", "now"));
    expect(pool.state.claims.get("eni-1")?.promise).toMatchObject({ token: "t2" });
  });

  it("waits for cool-downs", () => {
    const pool = new Bench().with("10.0.0.1");
    pool.allocate("a");
    pool.release("a").veths().send(claim("t1", "now"));
    expect(pool.state.claims.get("eni-1")?.promise).toBeUndefined();
    pool.after(COOL_DOWN);
    expect(pool.state.claims.get("eni-1")?.promise).toMatchObject({ token: "t1" });
  });

  it("waits until the slots of its addresses are withdrawn", () => {
    const pool = new Bench().with("10.0.0.1", "10.0.0.2").send({ type: "slots-offered", count: 2 });
    pool.send(claim("t1", "now"));
    expect(slotTarget(pool.state)).toBe(0);
    expect(pool.state.claims.get("eni-1")?.promise).toBeUndefined();
    pool.send({ type: "slots-offered", count: 0 });
    expect(pool.state.claims.get("eni-1")?.promise).toMatchObject({ token: "t1" });
  });

  it("answers a new token too", () => {
    const pool = new Bench().with("10.0.0.1").send(claim("t1", "now"));
    pool.changes = [];
    pool.send(claim("t2", "now"));
    expect(pool.state.claims.get("eni-1")?.promise).toMatchObject({ token: "t2" });
    expect(pool.changes).toMatchObject([
      { type: "claim", eniId: "eni-1", claim: { uid: "uid-eni-1", promise: { token: "t2" } } },
    ]);
  });

  it("answers a new token after a restart too", () => {
    const stored = { addresses: [], promises: [{ eniId: "eni-1", uid: "uid-eni-1", token: "t1", since: 7 }] };
    const pool = new Bench();
    pool.state = restorePool(stored, {
      coolDownMs: COOL_DOWN,
      instanceId: "ins-1",
      now: { wall: 0, monotonic: 0 },
    });
    pool.send({ type: "opened" }, claim("t2", "when-free"));
    expect(pool.state.claims.get("eni-1")?.promise).toEqual({ kind: "reclaimable", token: "t2", since: 7 });
  });

  it("ends with the object that asked", () => {
    const pool = new Bench().with("10.0.0.1").send(claim("t1", "now"));
    pool.send({ type: "claims-listed", claims: new Map() });
    expect(pool.changes.at(-1)).toEqual({ type: "claim", eniId: "eni-1", claim: { uid: "uid-eni-1" } });
    expect(pool.allocate("a")).toBe("10.0.0.1");
  });
});
