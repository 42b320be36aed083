import { expect, test } from "bun:test";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim, VpcIPClaimSpec } from "../../api/vpc-ip-claim.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createMemoryObjects } from "../objects/testing/memory-objects.ts";
import { TokenBook } from "../objects/token-book.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import { ClaimKeeper, type ClaimKeeperParts } from "./claim-keeper.ts";

/** Claims and their pods on one node, as the leader knows them. */
function cluster() {
  const memory = createMemoryObjects();
  const claims = new Map<string, VpcIPClaim>();
  const pods = new Map<string, SlimPod>();
  const finished: string[] = [];
  const taken = new Set<string>();
  const released: string[] = [];
  /** What a quorum read finds. */
  const find: { pod: object | undefined } = { pod: undefined };
  const keyOf = ({ metadata }: VpcIPClaim) => `${metadata.namespace}/${metadata.name}`;
  const objects = {
    async change(claim: VpcIPClaim, { spec = {} }: { spec?: object }): Promise<VpcIPClaim> {
      const merged = Object.entries({ ...claim.spec, ...spec }).filter(([, value]) => value !== null);
      const changed = { ...claim, spec: Object.fromEntries(merged) } as VpcIPClaim;
      claims.set(keyOf(claim), changed);
      return changed;
    },
    writeStatus: async () => {},
    find: async () => undefined,
    release: async (claim: VpcIPClaim) => void released.push(keyOf(claim)),
    finish: async (claim: VpcIPClaim) => void finished.push(keyOf(claim)),
  };
  const keeper = new ClaimKeeper({
    kube: { find: async () => find.pod },
    claims: {
      book: { claim: (key: string) => claims.get(key), pod: (key: string) => pods.get(key) },
      objects,
      options: { expiresAfterMs: undefined, ownerReferences: false, onlyNominated: false },
      nodeOf: (key: string) => pods.get(key)?.node,
      waitOf: () => undefined,
      isTaken: (key: string) => taken.has(key),
      forget: (key: string) => taken.delete(key),
    },
    objects: memory.objects,
    tokens: new TokenBook(() => "token"),
    notices: { over: () => {}, tell: () => {} },
    latency: { bound: () => {}, waits: () => {}, over: () => {} },
    now: () => 0,
    monotonic: () => 0,
    logger: createRecordingLogger(),
  } as unknown as ClaimKeeperParts);
  return {
    keeper,
    finished,
    taken,
    released,
    find,
    writes: memory.writes,
    claimOf: (name: string) => claims.get(`default/${name}`)?.spec.address,
    wantedOn: (name: string) => claims.get(`default/${name}`)?.spec.node,
    ownerOf: (address: string) => memory.addresses.get(address)?.spec.claim,
    reclaimOf: (address: string) => memory.addresses.get(address)?.spec.reclaim,
    pod(name: string, { ownOnly = false, needsAddress = true } = {}) {
      const metadata = { name, namespace: "default", uid: `uid of ${name}`, resourceVersion: "1" };
      pods.set(`default/${name}`, {
        metadata,
        node: "node-1",
        needsAddress,
        claim: { ownOnly },
      } as unknown as SlimPod);
    },
    claim(
      name: string,
      spec: Partial<VpcIPClaimSpec>,
      deletionTimestamp?: string,
      status?: VpcIPClaim["status"],
    ) {
      const metadata = {
        name,
        namespace: "default",
        finalizers: ["networking.tke.cloud.tencent.com/claim"],
        ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      };
      claims.set(`default/${name}`, {
        metadata,
        spec: { policy: "Immediate", ...spec },
        status,
      } as VpcIPClaim);
    },
    /** Another machine comes under the node's name. */
    machine(instanceID: string) {
      memory.configs.set("node-1", {
        metadata: { name: "node-1" },
        spec: {},
        status: { instanceID },
      } as NodeENIConfig);
    },
    address(address: string, { claim, heldBy }: { claim?: string; heldBy?: string }, reclaim?: object) {
      memory.addresses.set(address, {
        metadata: { name: address, uid: address, resourceVersion: "1" },
        spec: {
          ...{ type: "Pod", subnetID: "subnet-a", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
          ...(claim !== undefined && { claim: `default/${claim}` }),
          ...(reclaim && { reclaim }),
        },
        status: {
          use: heldBy === undefined ? { state: "Free" } : { state: "InUse", pod: `default/${heldBy}` },
        },
      } as unknown as VpcIP);
    },
  };
}

test("a claim that keeps nothing has what its pod was given, and lets go of what was made for it meanwhile", async () => {
  const { keeper, claimOf, ownerOf, ...world } = cluster();
  world.pod("a");
  world.claim("a", { address: "10.0.18.7" });
  world.address("10.0.18.7", { claim: "a" });
  world.address("10.0.16.11", { heldBy: "a" });
  await keeper.look("default/a");
  expect([claimOf("a"), ownerOf("10.0.16.11"), ownerOf("10.0.18.7")]).toEqual([
    "10.0.16.11",
    "default/a",
    undefined,
  ]);
});

test("what the agent of a former machine said last of a pod is nothing that the pod of that name has on the present one", async () => {
  const { keeper, claimOf, ownerOf, ...world } = cluster();
  world.pod("a");
  world.claim("a", {});
  world.address("10.0.16.11", { heldBy: "a" });
  world.machine("ins-2");
  await keeper.look("default/a");
  expect([claimOf("a"), ownerOf("10.0.16.11")]).toEqual([undefined, undefined]);
  world.machine("ins-1");
  await keeper.look("default/a");
  expect([claimOf("a"), ownerOf("10.0.16.11")]).toEqual(["10.0.16.11", "default/a"]);
});

test("an address that goes from pod to pod while claims are looked at is at last of the claim of the one that holds it, and of no other", async () => {
  const { keeper, claimOf, ownerOf, ...world } = cluster();
  for (const name of ["a", "b"]) {
    world.pod(name);
    world.claim(name, {});
  }
  world.address("10.0.16.23", { heldBy: "a" });
  const first = keeper.look("default/a");
  // The agent says so while the former write is on its way.
  world.address("10.0.16.23", { heldBy: "b" });
  await Promise.all([first, keeper.look("default/b")]);
  await keeper.look("default/b");
  expect(ownerOf("10.0.16.23")).toBe("default/b");
  expect([claimOf("a"), claimOf("b")]).toEqual([undefined, "10.0.16.23"]);
});

test("what another pod holds is no address of a claim that keeps nothing, nor of one that goes", async () => {
  const { keeper, claimOf, ownerOf, finished, reclaimOf, ...world } = cluster();
  world.pod("a");
  world.claim("a", { address: "10.0.16.5" });
  world.address("10.0.16.5", { claim: "a", heldBy: "c" });
  world.claim("b", { address: "10.0.16.6", policy: "Never" }, "2026-01-01T00:00:00Z");
  world.address("10.0.16.6", { claim: "b", heldBy: "d" });
  await keeper.look("default/a");
  await keeper.look("default/b");
  expect([ownerOf("10.0.16.5"), ownerOf("10.0.16.6")]).toEqual([undefined, undefined]);
  expect([claimOf("a"), finished]).toEqual([undefined, ["default/b"]]);
  expect(reclaimOf("10.0.16.6")).toBeUndefined();
});

test("an address that a former claim has let go is not asked back from the pod that was given it", async () => {
  const { keeper, ownerOf, reclaimOf, ...world } = cluster();
  world.pod("a");
  world.claim("a", {});
  world.address("10.0.16.5", { heldBy: "a" }, { token: "t", mode: "when-free" });
  await keeper.look("default/a");
  expect(ownerOf("10.0.16.5")).toBe("default/a");
  expect(reclaimOf("10.0.16.5")).toBeUndefined();
});

test("a claim that goes, and that somebody else's finalizer holds, lets its address go once", async () => {
  const { keeper, ownerOf, reclaimOf, ...world } = cluster();
  world.claim("a", { address: "10.0.16.5" }, "2026-01-01T00:00:00Z");
  world.address("10.0.16.5", { claim: "a" });
  await keeper.look("default/a");
  const writes = world.writes.length;
  await keeper.look("default/a");
  expect(world.writes.length).toBe(writes);
  expect([ownerOf("10.0.16.5"), reclaimOf("10.0.16.5")?.mode]).toEqual([undefined, "when-free"]);
});

test("an address whose claim is gone is nobody's, and those of others stay theirs", async () => {
  const { keeper, ownerOf, ...world } = cluster();
  world.claim("b", { address: "10.0.16.6" });
  world.address("10.0.16.5", { claim: "a" });
  world.address("10.0.16.6", { claim: "b" });
  await keeper.look("default/a");
  expect([ownerOf("10.0.16.5"), ownerOf("10.0.16.6")]).toEqual([undefined, "default/b"]);
});

test("a claim that keeps nothing gives up an address that somebody outside has; one whose pod asked for it does not", async () => {
  const { keeper, claimOf, taken, ...world } = cluster();
  for (const [name, ownOnly] of [
    ["a", false],
    ["b", true],
  ] as const) {
    world.pod(name, { ownOnly });
    world.claim(name, { address: "10.0.17.4" });
    taken.add(`default/${name}`);
    await keeper.look(`default/${name}`);
  }
  expect([claimOf("a"), claimOf("b")]).toEqual([undefined, "10.0.17.4"]);
  expect(taken).toEqual(new Set(["default/b"]));
});

test("a claim that is to keep nothing any more ends only where a quorum read finds no pod", async () => {
  const { keeper, released, find, ...world } = cluster();
  world.claim("a", { address: "10.0.16.5" }, undefined, { state: "Kept" });
  find.pod = {
    metadata: { name: "a", namespace: "default", uid: "u" },
    spec: {
      nodeName: "node-1",
      containers: [{ resources: { limits: { "tke.cloud.tencent.com/eni-ip": "1" } } }],
    },
  };
  await keeper.look("default/a");
  expect(released).toEqual([]);
  find.pod = undefined;
  await keeper.look("default/a");
  expect(released).toEqual(["default/a"]);
});

test("a claim whose pod has gone is wanted on no node, and on the next one's as soon as that is written", async () => {
  const { keeper, claimOf, wantedOn, ...world } = cluster();
  const kept = { policy: "Never", address: "10.0.16.5" } as const;
  world.claim("a", { ...kept, node: "node-2", podUID: "uid of a" }, undefined, { state: "Pending" });
  world.address("10.0.16.5", { claim: "a" });
  await keeper.look("default/a");
  expect([claimOf("a"), wantedOn("a")]).toEqual(["10.0.16.5", undefined]);
  // The next pod is being bound: the watch shows its claim, and not yet the pod.
  const next = { ...kept, node: "node-3", podUID: "uid of the next" };
  world.claim("a", next, undefined, { state: "Kept" });
  await keeper.look("default/a");
  expect(wantedOn("a")).toBe("node-3");
  // The former one has ended, and the watch still shows it.
  world.claim("a", next, undefined, { state: "Bound" });
  world.pod("a", { needsAddress: false });
  await keeper.look("default/a");
  expect(wantedOn("a")).toBe("node-3");
});
