import { describe, expect, it } from "bun:test";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { type ClaimFacts, judgeClaim } from "./judge-claim.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const ADDRESS = "10.0.16.5";

function claim(overrides: {
  spec?: Partial<VpcIPClaim["spec"]>;
  status?: VpcIPClaim["status"];
  isDeleted?: boolean;
}): VpcIPClaim {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIPClaim",
    metadata: {
      name: "web-0",
      namespace: "shop",
      ...(overrides.isDeleted && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    },
    spec: { policy: "Never", address: ADDRESS, subnetID: "subnet-a", ...overrides.spec },
    ...(overrides.status && { status: overrides.status }),
  };
}

function vip(node: string, cloud: "Assigned" | "Releasing" = "Assigned"): VpcIP {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIP",
    metadata: { name: ADDRESS },
    spec: {
      type: "Pod",
      subnetID: "subnet-a",
      eniID: "eni-1",
      node,
      instanceID: "ins-1",
      claim: "shop/web-0",
    },
    status: { cloud: { state: cloud, since: "2026-01-01T00:00:00Z" } },
  };
}

function facts(overrides: Partial<ClaimFacts> = {}): ClaimFacts {
  return {
    claim: claim({}),
    pod: { uid: "u1", node: "n1" },
    vip: vip("n1"),
    isUsable: true,
    wait: undefined,
    expiresAfterMs: undefined,
    now: NOW,
    ...overrides,
  };
}

const gone = { pod: undefined };
const reasonOf = (given: Partial<ClaimFacts>) => judgeClaim(facts(given)).status.conditions?.[0]?.reason;

describe("a claim whose pod is there", () => {
  it("is Bound once its address is assigned on the pod's node", () => {
    expect(judgeClaim(facts())).toMatchObject({
      act: "none",
      status: { state: "Bound", node: "n1", podUID: "u1", conditions: [{ type: "Bound", status: "True" }] },
    });
  });

  it.each<[string, Partial<ClaimFacts>, string]>([
    ["has no address yet", { claim: claim({ spec: { address: undefined } }), vip: undefined }, "Assigning"],
    [
      "has one of which the pod is still to show that it was given it",
      { claim: claim({ spec: { address: undefined } }) },
      "Offered",
    ],
    [
      "has its address elsewhere",
      { vip: vip("n2"), wait: { reason: "WaitingForHolder", message: "" } },
      "WaitingForHolder",
    ],
    ["has its address where no pod can have it", { isUsable: false }, "Assigning"],
    ["has its address on its way off", { vip: vip("n1", "Releasing") }, "Assigning"],
    ["has a pod that is on no node", { pod: { uid: "u1", node: undefined } }, "PodNotScheduled"],
  ])("waits where it %s", (_, given, reason) => {
    expect(judgeClaim(facts(given))).toMatchObject({ act: "none", status: { state: "Pending" } });
    expect(reasonOf(given)).toBe(reason);
  });

  it("does not expire", () => {
    const before = claim({ status: { state: "Kept", expiresAt: "2025-01-01T00:00:00Z" } });
    const { act, status } = judgeClaim(facts({ claim: before, expiresAfterMs: 1000 }));
    expect(act).toBe("none");
    expect(status.expiresAt).toBeUndefined();
  });
});

describe("a claim whose pod is gone", () => {
  it("ends where the pod kept nothing", () => {
    expect(judgeClaim(facts({ ...gone, claim: claim({ spec: { policy: "Immediate" } }) })).act).toBe(
      "release",
    );
  });

  it("is kept for good where nobody said for how long", () => {
    const { act, status, dueInMs } = judgeClaim(facts(gone));
    expect({ act, dueInMs }).toEqual({ act: "none", dueInMs: undefined });
    expect(status).toMatchObject({ state: "Kept", node: "n1" });
    expect(status.podUID).toBeUndefined();
  });

  it("is kept from then on for as long as its pod said, or else the cluster", () => {
    const ofCluster = judgeClaim(facts({ ...gone, expiresAfterMs: 600_000 }));
    expect(ofCluster).toMatchObject({ dueInMs: 600_000, status: { expiresAt: "2026-01-01T00:10:00.000Z" } });
    const ofPod = claim({ spec: { expiresAfterSeconds: 300 } });
    expect(judgeClaim(facts({ ...gone, claim: ofPod, expiresAfterMs: 600_000 })).dueInMs).toBe(300_000);
  });

  it("counts on through looks and restarts, and ends when the time is over", () => {
    const before = (keptSince: string) =>
      claim({ status: { state: "Kept", keptSince, defaultExpiresAfterSeconds: 600 } });
    const given = { ...gone, expiresAfterMs: 900_000 };
    expect(judgeClaim(facts({ ...given, claim: before("2025-12-31T23:50:07Z") })).dueInMs).toBe(7000);
    expect(judgeClaim(facts({ ...given, claim: before("2025-12-31T23:50:00Z") })).act).toBe("release");
  });

  it("goes by what the claim says now, from when its pod went, and else by what the cluster said then", () => {
    const keptSince = "2025-12-31T23:58:00Z";
    const status = { state: "Kept", keptSince, expiresAt: "2026-01-01T00:08:00Z" } as const;
    const kept = (expiresAfterSeconds?: number, before: VpcIPClaim["status"] = status) =>
      judgeClaim(
        facts({
          ...gone,
          claim: claim({ spec: { expiresAfterSeconds }, status: before }),
          expiresAfterMs: 300_000,
        }),
      );
    expect(kept(3600)).toMatchObject({
      act: "none",
      dueInMs: 58 * 60_000,
      status: { keptSince, expiresAt: "2026-01-01T00:58:00.000Z" },
    });
    expect(kept(300).dueInMs).toBe(180_000);
    expect(kept(300, { ...status, keptSince: "2025-12-31T23:55:00Z" }).act).toBe("release");
    // Its own duration was taken away: as the cluster had it, which was for good, or ten minutes, and never as it has it since.
    const { act, dueInMs, status: after } = kept();
    expect([act, dueInMs, after.expiresAt]).toEqual(["none", undefined, undefined]);
    expect(kept(undefined, { ...status, defaultExpiresAfterSeconds: 600 }).dueInMs).toBe(480_000);
  });

  it("begins to count anew when a pod was there in between", () => {
    const before = claim({ status: { state: "Bound", expiresAt: "2025-01-01T00:00:00Z" } });
    expect(judgeClaim(facts({ ...gone, claim: before, expiresAfterMs: 600_000 })).dueInMs).toBe(600_000);
  });
});

describe("a claim that was deleted", () => {
  const deleted = claim({ isDeleted: true });

  it("waits while the pod has the address", () => {
    const given = { claim: deleted };
    expect(judgeClaim(facts(given))).toMatchObject({
      act: "none",
      status: { state: "Releasing", podUID: "u1" },
    });
    expect(reasonOf(given)).toBe("PodLives");
  });

  it.each<[string, Partial<ClaimFacts>]>([
    ["is gone", gone],
    ["is on no node", { pod: { uid: "u2", node: undefined } }],
    ["is on another node", { pod: { uid: "u2", node: "n2" } }],
    ["never had its address", { vip: undefined }],
  ])("goes where the pod %s", (_, given) => {
    expect(judgeClaim(facts({ claim: deleted, ...given })).act).toBe("finish");
  });
});
