import { describe, expect, it } from "bun:test";
import { garbage } from "./garbage.ts";
import { emptyPool, type Holding, type PoolState } from "./pool-state.ts";

const NOW = 10_000_000;
const OLD = NOW - 120_000;

function poolWith(...holdings: Holding[]): PoolState {
  const addresses = holdings.map((holding, at) => {
    const address = `10.0.16.${at + 5}`;
    return [address, { address, eniId: "eni-1", subnetId: "subnet-1", holding }] as const;
  });
  return { ...emptyPool({ coolDownMs: 1 }), addresses: new Map(addresses) };
}

function inUse(
  containerId: string,
  { ifName = "eth0", network = "a" as string | null, since = OLD } = {},
): Holding {
  const attachment = {
    containerId,
    ifName,
    podNamespace: "",
    podName: "",
    podUid: "",
    network: network ?? undefined,
  };
  return { kind: "in-use", attachment, netns: "", since };
}

function found(state: PoolState, valid: { containerId: string; ifName: string }[] = [], network = "a") {
  return garbage(state, { network, valid, now: NOW }).map((a) => `${a.containerId} ${a.ifName}`);
}

describe("garbage()", () => {
  it("is what the runtime does not name, each interface for itself", () => {
    const state = poolWith(inUse("c1"), inUse("c1", { ifName: "net1" }), inUse("c2"));
    expect(found(state, [{ containerId: "c1", ifName: "eth0" }])).toEqual(["c1 net1", "c2 eth0"]);
  });

  it("is nothing of another network, nor of one that was never told", () => {
    const state = poolWith(
      inUse("c1", { network: "b" }),
      inUse("c2", { network: null }),
      inUse("c3", { network: "" }),
    );
    expect(found(state)).toEqual([]);
    expect(found(state, [], "")).toEqual([]);
  });

  it("is nothing that was given in the last two minutes", () => {
    expect(found(poolWith(inUse("c1", { since: OLD + 1 }), inUse("c2")))).toEqual(["c2 eth0"]);
  });

  it("is nothing that rests", () => {
    expect(found(poolWith({ kind: "free", since: 0, restingSince: 0 }))).toEqual([]);
  });
});
