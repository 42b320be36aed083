import { describe, expect, it } from "bun:test";
import { emptyPool, type PooledAddress, type PoolState } from "./pool-state.ts";
import { slotTarget } from "./slot-target.ts";
import { isSpare } from "./spare.ts";
import { type HeldSlots, unaskedAddresses } from "./unasked.ts";

const READ_AT = 1_000;

interface Pod {
  name: string;
  container?: string;
  ifName?: string;
  since?: number;
}

/** A node with one address for each of these pods, in order, and some that nobody holds. */
function node(
  pods: readonly Pod[],
  { free, held }: { free: number; held: HeldSlots | undefined },
): PoolState {
  const record = (number: number, holding: PooledAddress["holding"]): [string, PooledAddress] => {
    const address = `10.0.0.${number}`;
    const object = { uid: address, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
    return [address, { address, eniId: "eni-1", subnetId: "subnet-1", object, holding }];
  };
  return {
    ...emptyPool({ coolDownMs: 1, instanceId: "ins-1" }),
    open: true,
    readyEnis: new Set(["eni-1"]),
    addresses: new Map([
      ...pods.map(({ name, container = name, ifName = "eth0", since = 1 }, number) =>
        record(number, {
          kind: "in-use",
          attachment: { containerId: container, ifName, podNamespace: "ns", podName: name, podUid: "" },
          netns: "",
          since,
        }),
      ),
      ...Array.from({ length: free }, (_, number) =>
        record(100 + number, { kind: "free", since: 0, restingSince: 0 }),
      ),
    ]),
    heldSlots: held,
  };
}

function holding(byPod: Readonly<Record<string, number>>): HeldSlots {
  return { byPod: new Map(Object.entries(byPod)), readAt: READ_AT };
}

describe("unaskedAddresses()", () => {
  it.each<[string, Pod[], HeldSlots | undefined, string[]]>([
    ["none while the kubelet has not told", [{ name: "a" }], undefined, []],
    [
      "none where each pod holds its slot",
      [{ name: "a" }, { name: "b" }],
      holding({ "ns/a": 1, "ns/b": 1 }),
      [],
    ],
    ["that of a pod without a slot", [{ name: "a" }, { name: "b" }], holding({ "ns/a": 1 }), ["10.0.0.1"]],
    ["not of one that came while the kubelet was asked", [{ name: "a", since: READ_AT }], holding({}), []],
    [
      "the second interface of a pod with one slot",
      [{ name: "a" }, { name: "a", ifName: "net1", since: 2 }],
      holding({ "ns/a": 1 }),
      ["10.0.0.1"],
    ],
    ["nothing more of a pod with more slots than addresses", [{ name: "a" }], holding({ "ns/a": 3 }), []],
    [
      "the new sandbox of a pod whose old one still has its address",
      [
        { name: "a", container: "new", since: 5 },
        { name: "a", container: "old", since: 2 },
      ],
      holding({ "ns/a": 1 }),
      ["10.0.0.0"],
    ],
  ])("%s", (_, pods, held, expected) => {
    expect([...unaskedAddresses(node(pods, { free: 2, held }))]).toEqual(expected);
  });
});

it("an address that nobody asked for is no slot, and no slot is taken for filled by it", () => {
  const pods = [{ name: "a" }, { name: "b" }];
  const all = holding({ "ns/a": 1, "ns/b": 1 });
  const one = holding({ "ns/a": 1 });
  expect(slotTarget(node(pods, { free: 3, held: all }))).toBe(5);
  expect(slotTarget(node(pods, { free: 3, held: one }))).toBe(4);
  // Five slots are offered, and one of them is filled: the kubelet may send four more pods, for which there are three addresses.
  const offered = { ...node(pods, { free: 3, held: one }), offeredSlots: 5 };
  expect(isSpare(offered, 1)).toBe(false);
  expect(isSpare({ ...offered, offeredSlots: 3 }, 1)).toBe(true);
  expect(isSpare({ ...offered, offeredSlots: 3 }, 2)).toBe(false);
});
