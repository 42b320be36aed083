import { describe, expect, it } from "bun:test";
import { emptyPool, FOUND_BY_VETH, type PoolState } from "../pool/pool-state.ts";
import { goneSandboxes, type Missing } from "./gone-sandboxes.ts";

const MINUTE = 60_000;

function poolWith(
  containerId: string,
  { podName = "web-0", netns = "", ageMs = 10 * MINUTE } = {},
): PoolState {
  return {
    ...emptyPool({ coolDownMs: 1 }),
    addresses: new Map([
      [
        "10.0.16.5",
        {
          address: "10.0.16.5",
          eniId: "eni-1",
          subnetId: "subnet-1",
          holding: {
            kind: "in-use",
            attachment: { containerId, ifName: "eth0", podNamespace: "default", podName, podUid: "" },
            netns,
            since: 100 * MINUTE - ageMs,
          },
        },
      ],
    ]),
  };
}

/** Reads twice, ten seconds apart. */
function twice(
  pool: PoolState,
  { sandboxes = [] as string[], veths = [] as string[], apartMs = 10_000 } = {},
): string[] {
  const read = (monotonic: number, before: Missing) =>
    goneSandboxes(
      pool,
      {
        sandboxes: new Set(sandboxes),
        veths: new Set(veths),
        at: { wall: 100 * MINUTE + monotonic, monotonic },
      },
      before,
    );
  const first = read(0, new Map());
  expect(first.gone).toEqual([]);
  return read(apartMs, first.missing).gone;
}

describe("goneSandboxes()", () => {
  it("finds what two readings lack", () => {
    expect(twice(poolWith("c1"), { sandboxes: ["c2"] })).toEqual(["c1"]);
  });

  it("believes no two readings that are close together", () => {
    expect(twice(poolWith("c1"), { apartMs: 9_999 })).toEqual([]);
  });

  it("leaves what the runtime lists", () => {
    expect(twice(poolWith("c1"), { sandboxes: ["c1"] })).toEqual([]);
  });

  it("leaves what has a veth", () => {
    expect(twice(poolWith("c1"), { veths: ["c1"] })).toEqual([]);
  });

  it("leaves a young allocation: its sandbox is still being made", () => {
    expect(twice(poolWith("c1", { ageMs: MINUTE }))).toEqual([]);
  });

  it("leaves what no kubelet asked for", () => {
    expect(twice(poolWith("c1", { podName: "" }))).toEqual([]);
  });

  it("finds what only a veth told of when the store was lost, once that veth is gone", () => {
    const recovered = poolWith("c1", { podName: "", netns: FOUND_BY_VETH });
    expect(twice(recovered, { veths: ["c1"] })).toEqual([]);
    expect(twice(recovered)).toEqual(["c1"]);
  });
});
