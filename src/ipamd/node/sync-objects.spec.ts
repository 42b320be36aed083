import { expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView, RESERVED_MS } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import { TokenBook } from "../objects/token-book.ts";
import { type ActionContext, executeAction } from "./execute-action.ts";
import type { NodeWorld } from "./node-world.ts";
import { releaseEni } from "./release-eni.ts";
import type { RunCalls } from "./run-calls.ts";
import { syncObjects } from "./sync-objects.ts";

const which = { node: "node-1", instanceId: "ins-1", addressesPerEni: 9 };

function eni(...addresses: string[]): Eni {
  return cloudEni({
    instanceId: "ins-1",
    addresses: addresses.map((address) => ({ address, state: "available" })),
    tags: [{ key: ENI_TAGS.node, value: "node-1" }],
  });
}

/** What a leader knows that has read nothing yet. */
function known(memory: MemoryObjects, clock: ManualClock) {
  return {
    clock,
    view: new CloudView(),
    objects: memory.objects,
    logger: createRecordingLogger(),
    tokens: new TokenBook(() => "token"),
    subnets: { get: async () => ({ cidr: "10.0.16.0/24" }), named: () => {}, gaveBack: () => {} },
  };
}

test.each([
  ["not used when the cloud hands it back, until its call cannot come any more", true],
  ["used half a minute after that was answered, when no reading is from before it", false],
])("an address that a former leader has taken off is %s", async (_, isLost) => {
  const clock = createManualClock();
  const lost = {
    class: "unknown",
    action: "UnassignPrivateIpAddresses",
    code: "",
    message: "",
    requestId: "",
  } as const;
  const lead = (memory: MemoryObjects): NodeWorld =>
    ({
      ...known(memory, clock),
      acts: {
        unassign: async () => {
          if (isLost) throw new CloudError(lost);
        },
      },
    }) as unknown as NodeWorld;
  const calls = { claim: () => ({ use: (call: () => unknown) => call(), release: () => {} }) };
  const context = { calls: calls as unknown as RunCalls, urgency: "release" } as unknown as ActionContext;

  const before = createMemoryObjects();
  const former = lead(before);
  former.view.readAll([eni("10.0.16.10", "10.0.16.11")], clock.monotonic());
  await syncObjects(former, which);
  const release = executeAction(
    former,
    { kind: "unassign", eniId: "eni-1", addresses: ["10.0.16.10"] },
    context,
  );
  if (isLost) await expect(release).rejects.toThrow();
  else await release;

  await clock.advance(20_000);
  const after = createMemoryObjects();
  for (const [name, veni] of before.enis) after.enis.set(name, veni);
  const successor = lead(after);
  const look = async () => {
    successor.view.readAll([eni("10.0.16.10", "10.0.16.11")], clock.monotonic());
    await syncObjects(successor, which);
    return [...after.addresses.keys()].toSorted();
  };
  expect(await look()).toEqual(["10.0.16.11"]);
  await clock.advance(isLost ? RESERVED_MS - 21_000 : 9_000);
  expect(await look()).toEqual(["10.0.16.11"]);
  await clock.advance(isLost ? 121_000 : 2_000);
  expect(await look()).toEqual(["10.0.16.10", "10.0.16.11"]);
});

test("an address that a claim keeps is used at once on the ENI that it was taken off before, when it comes back there", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const view = new CloudView();
  let kept = "10.0.16.11";
  const named: string[] = [];
  const world = {
    ...known(memory, clock),
    view,
    subnets: {
      get: async () => ({ cidr: "10.0.16.0/24" }),
      gaveBack: () => {},
      named: (id: string) => named.push(id),
    },
    claims: {
      isKept: (address: string) => address === kept,
      ofAddress: (address: string) => (address === kept ? "shop/web-0" : undefined),
      gaveAddress: async () => {},
      addressLost: () => {},
    },
  } as unknown as NodeWorld;
  const look = async () => {
    view.readAll([eni("10.0.16.10", "10.0.16.11")], clock.monotonic());
    await syncObjects(world, which);
    return [...memory.addresses.values()].map(({ metadata, spec }) => [metadata.name, spec.claim]).toSorted();
  };
  view.readAll([eni()], clock.monotonic());
  view.unassigned("eni-1", ["10.0.16.10", "10.0.16.11"], clock.monotonic());
  expect(await look()).toEqual([["10.0.16.11", "shop/web-0"]]);
  kept = "10.0.16.10";
  expect(await look()).toContainEqual(["10.0.16.10", "shop/web-0"]);
  // Their subnet is read once after each.
  expect(named).toEqual(["subnet-a", "subnet-a"]);
  await look();
  expect(named).toHaveLength(2);
});

test("new addresses of two ENIs are for as many claims", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const world = {
    ...known(memory, clock),
    claims: { ofAddress: () => undefined, isKept: () => false, gaveAddress: async () => {} },
  } as unknown as NodeWorld;
  const other = { ...eni("10.0.16.11"), id: "eni-2" };
  world.view.readAll([eni("10.0.16.10"), other], clock.monotonic());
  const needs = ["shop/a", "shop/b", "shop/c"].map((key) => ({
    key,
    subnetId: "subnet-a",
    wants: { kind: "any" } as const,
  }));
  await syncObjects(world, { ...which, needs });
  const claims = [...memory.addresses.values()].map(({ spec }) => spec.claim);
  expect(claims.toSorted()).toEqual(["shop/a", "shop/b"]);
});

test.each([
  ["stays where it is, and says so, when its pod is there again", "node-1", "Assigned"],
  ["is still on its way when its pod waits elsewhere", "node-2", "Releasing"],
])("the address of a claim whose move was refused %s", async (_, node, state) => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const world = {
    ...known(memory, clock),
    claims: {
      isKept: () => true,
      isClaimed: () => true,
      ofAddress: () => "shop/web-0",
      nodeOf: () => node,
      gaveAddress: async () => {},
      addressLost: () => {},
    },
  } as unknown as NodeWorld;
  world.view.readAll([eni("10.0.16.10")], clock.monotonic());
  await syncObjects(world, which);
  await memory.objects.writeAddressStatus("10.0.16.10", {
    state: "Releasing",
    since: "2026-01-01T00:00:00Z",
  });
  await syncObjects(world, which);
  expect(memory.addresses.get("10.0.16.10")?.status?.cloud?.state).toBe(state as "Assigned" | "Releasing");
});

test.each([
  ["Free", ["10.0.16.10"]],
  ["InUse", []],
] as const)(
  "the address of a claim that is seen on another ENI is here no more, unless a pod has it (%s)",
  async (state, gone) => {
    const clock = createManualClock();
    const memory = createMemoryObjects();
    const claims = {
      isKept: () => true,
      isClaimed: () => true,
      ofAddress: () => "shop/web-0",
      nodeOf: () => undefined,
      gaveAddress: async () => {},
      addressLost: () => {},
    };
    const world = { ...known(memory, clock), claims } as unknown as NodeWorld;
    world.view.readAll([eni("10.0.16.10")], clock.monotonic());
    await syncObjects(world, which);
    const vip = memory.addresses.get("10.0.16.10");
    memory.addresses.set("10.0.16.10", {
      ...vip,
      status: { ...vip?.status, use: { state, since: "2026-01-01T00:00:00Z" } },
    } as NonNullable<typeof vip>);
    await clock.advance(1000);
    const dropped: string[] = [];
    memory.objects.dropAddress = async ({ metadata }) => void dropped.push(metadata.name);
    world.view.readAll(
      [eni(), { ...eni("10.0.16.10"), id: "eni-2", instanceId: "ins-2" }],
      clock.monotonic(),
    );
    await syncObjects(world, which);
    expect(dropped).toEqual([...gone]);
  },
);

test("an address that is a claim's is for any pod where addresses are fixed no more, and stays its where they are", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const claims = { isClaimed: () => true, isKept: () => true };
  const world = {
    ...known(memory, clock),
  } as unknown as NodeWorld;
  world.view.readAll([eni("10.0.16.10")], clock.monotonic());
  await syncObjects(world, which);
  await memory.objects.changeAddress("10.0.16.10", (spec) => ({ ...spec, claim: "shop/web-0" }));
  await syncObjects({ ...world, claims } as unknown as NodeWorld, which);
  expect(memory.addresses.get("10.0.16.10")?.spec.claim).toBe("shop/web-0");
  await syncObjects(world, which);
  expect(memory.addresses.get("10.0.16.10")?.spec.claim).toBeUndefined();
});

test("an ENI that came off while the address of a claim moved to it is not deleted, and the address has its object: from there it moves on", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const calls: string[] = [];
  const world = {
    ...known(memory, clock),
    acts: { remove: async (id: string) => void calls.push(id) },
    claims: {
      isKept: (address: string) => address === "10.0.16.11",
      isClaimed: ({ spec }: { spec: { claim?: string } }) => spec.claim !== undefined,
      ofAddress: (address: string) => (address === "10.0.16.11" ? "shop/web-0" : undefined),
      gaveAddress: async () => {},
      addressLost: () => {},
    },
  } as unknown as NodeWorld;
  const runCalls = {
    claim: () => ({ use: (call: () => unknown) => call(), release: () => {} }),
  } as unknown as RunCalls;
  world.view.readAll([eni()], clock.monotonic());
  await syncObjects(world, which);
  const { instanceId: _, ...off } = eni("10.0.16.10", "10.0.16.11");
  world.view.readAll([off], clock.monotonic());
  const veni = memory.objects.enis.get("eni-1");
  if (veni !== undefined) await releaseEni(world, veni, runCalls);
  await syncObjects(world, which);
  expect(calls).toEqual([]);
  expect([...memory.addresses.values()].map(({ metadata, spec }) => [metadata.name, spec.claim])).toEqual([
    ["10.0.16.11", "shop/web-0"],
  ]);
});

test("an address that a claim has taken while it was looked at is not asked back anew", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const world = {
    ...known(memory, clock),
    tokens: new TokenBook(() => "fresh"),
    claims: { isKept: () => false, isClaimed: () => false, ofAddress: () => undefined },
  } as unknown as NodeWorld;
  world.view.readAll([eni("10.0.16.10")], clock.monotonic());
  await syncObjects(world, which);
  const spec = memory.objects.vipOf("10.0.16.10")?.spec;
  if (spec === undefined) throw new Error("the address has no object");
  await memory.objects.writeAddress("10.0.16.10", { ...spec, reclaim: { token: "old", mode: "when-free" } });
  await Promise.all([
    memory.objects.changeAddress("10.0.16.10", ({ reclaim: _, ...is }) => ({ ...is, claim: "shop/web-0" })),
    syncObjects(world, which),
  ]);
  expect(memory.objects.vipOf("10.0.16.10")?.spec).toEqual({ ...spec, claim: "shop/web-0" });
});

test("the object of an IPv6 address, of which the cloud is not asked, is left alone until its ENI is gone", async () => {
  const clock = createManualClock();
  const memory = createMemoryObjects();
  const world = {
    ...known(memory, clock),
  } as unknown as NodeWorld;
  const dropped: string[] = [];
  memory.objects.dropAddress = async ({ metadata }) => void dropped.push(metadata.name);
  memory.objects.dropEni = async () => {};
  const look = async (...enis: Eni[]) => {
    for (let reading = 0; reading < 3; reading++) {
      world.view.readAll(enis, clock.monotonic());
      await syncObjects(world, which);
      await clock.advance(60_000);
    }
  };
  await look(eni("10.0.16.10"));
  const spec = {
    type: "Pod",
    subnetID: "subnet-a",
    eniID: "eni-1",
    node: "node-1",
    instanceID: "ins-1",
  } as const;
  await memory.objects.writeAddress("2001:DB8::5", spec);
  const name = "2001-0db8-0000-0000-0000-0000-0000-0005";
  expect([...memory.addresses.keys()]).toEqual(["10.0.16.10", name]);
  expect(memory.objects.vipOf("2001:db8::5")?.metadata.name).toBe(name);

  const writes = memory.writes.length;
  await look(eni("10.0.16.10"));
  expect([memory.writes.slice(writes), dropped]).toEqual([[], []]);
  await look();
  expect(new Set(dropped)).toEqual(new Set(["10.0.16.10", name]));
});
