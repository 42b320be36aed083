import { expect, it } from "bun:test";
import fc from "fast-check";
import { isNews, objectSeen } from "./observe-object.ts";
import type { ObservedObject } from "./pool-event.ts";
import { emptyPool, type Holding, type PooledAddress } from "./pool-state.ts";

const ADDRESS = "10.0.0.1";
const NOW = { wall: 10, monotonic: 10 };
const one = (...of: string[]) => fc.constantFrom(...of);
const token = fc.option(one("t1", "t2"), { nil: undefined });

const object = fc.record({
  uid: one("u1", "u2"),
  eniId: one("eni-1", "eni-2"),
  subnetId: one("subnet-1", "subnet-2"),
  instanceId: one("ins-1", "ins-2"),
  reclaim: fc.option(fc.record({ token: one("t1", "t2"), mode: fc.constantFrom("now", "when-free") }), {
    nil: undefined,
  }),
});

const attachment = { containerId: "c", ifName: "eth0", podNamespace: "ns", podName: "p", podUid: "" };
const holdings: Holding[] = [
  { kind: "free", since: 1, restingSince: 1 },
  { kind: "in-use", attachment, netns: "", since: 1 },
  { kind: "cooling-down", containerId: "c", ifName: "eth0", since: 1, restingSince: 1, vethGone: false },
  { kind: "reclaimable", token: "t1", since: 1 },
];

const record = fc.record({
  address: fc.constant(ADDRESS),
  eniId: one("eni-1", "eni-2"),
  subnetId: one("subnet-1", "subnet-2"),
  object: fc.option(object, { nil: undefined }),
  refusedToken: token,
  holding: fc.constantFrom(...holdings),
});

it("what is no news changes nothing", () => {
  fc.assert(
    fc.property(record, object, token, (known, said, refusedToken) => {
      const state = {
        ...emptyPool({ coolDownMs: 1 }),
        addresses: new Map<string, PooledAddress>([[ADDRESS, known as PooledAddress]]),
      };
      const seen = { ...said, address: ADDRESS, refusedToken } as ObservedObject;
      if (isNews(state, seen)) return;
      const { state: after, changes, effects } = objectSeen(state, seen, NOW);
      expect({ after, changes, effects }).toEqual({ after: state, changes: [], effects: [] });
    }),
    { numRuns: 20_000 },
  );
});

it("what an agent has written itself is no news", () => {
  const said = { uid: "u1", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1", reclaim: undefined };
  const seen: ObservedObject = { ...said, address: ADDRESS, refusedToken: undefined };
  const { state } = objectSeen(emptyPool({ coolDownMs: 1 }), seen, NOW);
  expect(isNews(state, seen)).toBe(false);
  expect(isNews(state, { ...seen, reclaim: { token: "t", mode: "now" } })).toBe(true);
});
