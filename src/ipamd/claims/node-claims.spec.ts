import { describe, expect, it } from "bun:test";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import { type NodeClaimFacts, nodeClaims } from "./node-claims.ts";

function pod(name: string, { ownOnly = true } = {}): SlimPod {
  return {
    metadata: { name, namespace: "shop", uid: `uid of ${name}`, resourceVersion: "1" },
    node: "n1",
    needsAddress: true,
    takesPlace: true,
    requests: {},
    claim: { policy: ownOnly ? "Never" : "Immediate", ownOnly },
  };
}

function claim(name: string, spec: Partial<VpcIPClaim["spec"]> = {}, metadata: object = {}): VpcIPClaim {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIPClaim",
    metadata: { name, namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    spec: { policy: "Never", subnetID: "subnet-a", ...spec },
  };
}

function vip(
  address: string,
  {
    key,
    node = "n1",
    eniID = "eni-1",
    use,
  }: { key?: string; node?: string; eniID?: string; use?: NonNullable<VpcIP["status"]>["use"] } = {},
): VpcIP {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIP",
    metadata: { name: address },
    spec: { type: "Pod", subnetID: "subnet-a", eniID, node, instanceID: "ins-1", ...(key && { claim: key }) },
    ...(use && { status: { use } }),
  };
}

const since = "2026-01-01T00:00:00Z";

function ask(given: Partial<Omit<NodeClaimFacts, "claimOf">> & { claims?: VpcIPClaim[] }) {
  const claims = new Map((given.claims ?? []).map((it) => [`shop/${it.metadata.name}`, it]));
  return nodeClaims({
    pods: [],
    claimOf: (key) => claims.get(key),
    keeps: () => true,
    isLetGo: () => false,
    addresses: [],
    vipOf: () => undefined,
    eniOf: () => undefined,
    hasPool: false,
    onlyNominated: false,
    ...given,
  });
}

describe("what pods wait for", () => {
  it("is the address on an ENI of this node that has been let go of: it moves to another one here", () => {
    const here = vip("10.0.0.7", { key: "shop/a", eniID: "eni-off" });
    const { needs, claimed, demand } = ask({
      pods: [pod("a")],
      claims: [claim("a", { address: "10.0.0.7" })],
      addresses: [here],
      isLetGo: ({ spec }) => spec.eniID === "eni-off",
      vipOf: () => here,
    });
    expect(needs).toMatchObject([{ key: "shop/a", wants: { kind: "move", from: "eni-off", proven: false } }]);
    expect([[...claimed], demand]).toEqual([["10.0.0.7"], 1]);
  });

  it("is nothing that has moved already: its former object goes in a moment", () => {
    const former = vip("10.0.0.7", { key: "shop/a", node: "n2", eniID: "eni-far" });
    const moved = {
      pods: [pod("a")],
      claims: [claim("a", { address: "10.0.0.7" })],
      vipOf: () => former,
      eniOf: () => "eni-1",
    };
    expect(ask(moved)).toMatchObject({ needs: [], outdated: [former], demand: 1 });
    expect(ask({ ...moved, eniOf: () => "eni-far" })).toMatchObject({ needs: [{}], outdated: [], demand: 1 });
  });

  it("is any address of their claim's subnet, the oldest claim first", () => {
    const older = claim("b", {}, { creationTimestamp: "2025-01-01T00:00:00Z" });
    const { needs, demand } = ask({ pods: [pod("a"), pod("b")], claims: [claim("a"), older] });
    expect(needs).toEqual([
      { key: "shop/b", subnetId: "subnet-a", wants: { kind: "any" } },
      { key: "shop/a", subnetId: "subnet-a", wants: { kind: "any" } },
    ]);
    expect(demand).toBe(2);
  });

  it("is the address that the claim has: by name, or from the ENI that has it", () => {
    const claims = [claim("a", { address: "10.0.0.7" })];
    expect(ask({ pods: [pod("a")], claims }).needs).toMatchObject([
      { wants: { kind: "named", address: "10.0.0.7" } },
    ]);
    const far = vip("10.0.0.7", { key: "shop/a", node: "n2", eniID: "eni-far" });
    expect(ask({ pods: [pod("a")], claims, vipOf: () => far }).needs).toMatchObject([
      { wants: { kind: "move", address: "10.0.0.7", from: "eni-far", proven: false } },
    ]);
    const anothers = vip("10.0.0.7", { key: "shop/b", node: "n2", eniID: "eni-far" });
    expect(ask({ pods: [pod("a")], claims, vipOf: () => anothers }).needs).toEqual([]);
    // Its object is made in a moment.
    expect(ask({ pods: [pod("a")], claims, eniOf: () => "eni-1" }).needs).toEqual([]);
  });

  it.each<[string, Parameters<typeof ask>[0]]>([
    ["whose address is here", { claims: [claim("a")], addresses: [vip("10.0.0.7", { key: "shop/a" })] }],
    ["without a claim yet", {}],
    [
      "that names no subnet where it has to",
      { claims: [claim("a", { subnetID: undefined })], onlyNominated: true },
    ],
    ["whose claim goes", { claims: [claim("a", {}, { deletionTimestamp: since })] }],
    [
      "that holds an address of which its claim does not say so yet",
      {
        claims: [claim("a")],
        addresses: [vip("10.0.0.7", { use: { state: "InUse", pod: "shop/a", since } })],
      },
    ],
  ])("is nothing for one %s", (_, given) => {
    expect(ask({ pods: [pod("a")], ...given }).needs).toEqual([]);
  });

  it("is one of those that are kept ready where the pod keeps none", () => {
    const given = { claims: [claim("a")], hasPool: true };
    expect(ask({ ...given, pods: [pod("a", { ownOnly: false })] })).toMatchObject({ needs: [], demand: 1 });
    expect(ask({ ...given, pods: [pod("a")] }).needs).toHaveLength(1);
  });
});

describe("what a node has", () => {
  it("counts what is claimed, whether or not its pod is there, and what pods hold besides", () => {
    const addresses = [
      vip("10.0.0.1", { key: "shop/gone" }),
      vip("10.0.0.2", { use: { state: "InUse", pod: "shop/x", since } }),
      vip("10.0.0.3", { use: { state: "Free", since } }),
    ];
    const { claimed, demand } = ask({ addresses });
    expect([...claimed]).toEqual(["10.0.0.1"]);
    expect(demand).toBe(2);
    expect(ask({ addresses, keeps: () => false })).toMatchObject({ demand: 1 });
  });

  it("names what its agent has promised away of a pod that is here", () => {
    const use = { state: "Reclaimable", token: "t", since } as const;
    const addresses = [vip("10.0.0.1", { key: "shop/a", use }), vip("10.0.0.2", { key: "shop/gone", use })];
    const { promised } = ask({ pods: [pod("a")], claims: [claim("a")], addresses });
    expect(promised.map(({ metadata }) => metadata.name)).toEqual(["10.0.0.1"]);
  });
});
