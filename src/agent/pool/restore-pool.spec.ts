import { expect, it } from "bun:test";
import { restorePool } from "./restore-pool.ts";

const now = { wall: 100_000, monotonic: 500 };
const common = {
  eniId: "eni-1",
  subnetId: "subnet-1",
  object: { uid: "u", instanceId: "ins-1" },
};

function restore(since: number) {
  const holding = { kind: "cooling-down", containerId: "c1", ifName: "eth0", since } as const;
  const state = restorePool(
    { addresses: [{ address: "10.0.16.5", ...common, holding }], promises: [] },
    { coolDownMs: 30_000, instanceId: "ins-1", now },
  );
  const restored = state.addresses.get("10.0.16.5")?.holding;
  return restored?.kind === "cooling-down" ? restored : undefined;
}

it("restorePool() goes on with a cool-down where it was, and looks for the veth anew", () => {
  expect(restore(90_000)).toMatchObject({ restingSince: now.monotonic - 10_000, vethGone: false });
});

it("restorePool() makes no cool-down longer than a whole one when the wall clock has gone back", () => {
  expect(restore(999_000)?.restingSince).toBe(now.monotonic);
});

it("restorePool() keeps holders and promises, and is closed", () => {
  const state = restorePool(
    {
      addresses: [
        {
          address: "10.0.16.5",
          ...common,
          holding: {
            kind: "in-use",
            containerId: "c1",
            ifName: "eth0",
            podNamespace: "ns",
            podName: "p",
            podUid: "pu",
            netns: "/run/netns/x",
            since: 5,
          },
        },
        { address: "10.0.16.6", ...common, holding: { kind: "reclaimable", token: "t", since: 6 } },
      ],
      promises: [{ eniId: "eni-2", uid: "u2", token: "t2", since: 7 }],
    },
    { coolDownMs: 30_000, instanceId: "ins-1", now },
  );
  expect(state.open).toBe(false);
  expect(state.addresses.get("10.0.16.5")?.holding).toEqual({
    kind: "in-use",
    attachment: { containerId: "c1", ifName: "eth0", podNamespace: "ns", podName: "p", podUid: "pu" },
    netns: "/run/netns/x",
    since: 5,
  });
  expect(state.addresses.get("10.0.16.6")?.holding).toEqual({ kind: "reclaimable", token: "t", since: 6 });
  expect(state.claims.get("eni-2")?.promise?.token).toBe("t2");
});
