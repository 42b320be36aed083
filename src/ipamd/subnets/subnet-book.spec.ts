import { beforeEach, describe, expect, test } from "bun:test";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { CloudHealth } from "../../cloud/budget/health.ts";
import type { Subnet } from "../../cloud/cloud-vpc.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import { SubnetBook } from "./subnet-book.ts";

const API = { apiVersion: "networking.tke.cloud.tencent.com/v1" };

function subnet(id: string, free: number, zone = "zone-1"): Subnet {
  return { id, vpcId: "vpc-1", zone, cidr: "10.0.16.0/24", total: 253, free };
}

function veni(name: string, subnetID: string): VpcENI {
  return {
    ...API,
    kind: "VpcENI",
    metadata: { name, uid: name },
    spec: {
      type: "Shared",
      node: "node-1",
      instanceID: "ins-1",
      mac: "20:90:6f:00:00:01",
      subnetID,
      subnetCIDR: "10.0.16.0/24",
      gateway: "10.0.16.1",
      primaryIP: "10.0.16.2",
      intent: "Attached",
    },
  };
}

function vip(name: string, eniID: string, state: "InUse" | "Free"): VpcIP {
  return {
    ...API,
    kind: "VpcIP",
    metadata: { name, uid: name },
    spec: { type: "Pod", subnetID: "subnet-a", eniID, node: "node-1", instanceID: "ins-1" },
    status: { use: { state, since: "2026-03-01T12:00:00Z" } },
  };
}

let clock: ManualClock;
let memory: MemoryObjects;
let inCloud: Map<string, Subnet>;
let asked: string[][];
let failure: Error | undefined;
let configured: string[];
let health: CloudHealth;
let book: SubnetBook;

beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryObjects();
  inCloud = new Map(
    [subnet("subnet-a", 10), subnet("subnet-b", 20), subnet("subnet-z", 5, "zone-2")].map((s) => [s.id, s]),
  );
  asked = [];
  failure = undefined;
  configured = ["subnet-a", "subnet-b", "subnet-z"];
  health = { state: "well", since: 0, message: "calls go through" };
  book = new SubnetBook({
    cloud: {
      subnets: async (ids) => {
        asked.push([...ids]);
        if (failure !== undefined) throw failure;
        return ids.flatMap((id) => inCloud.get(id) ?? []);
      },
    },
    objects: memory.objects,
    clock,
    configured: () => configured,
    health: () => health,
  });
});

const conditionsOf = (id: string) => memory.subnets.get(id)?.status?.conditions ?? [];

describe("SubnetBook", () => {
  test("reads all configured subnets in one call, tells which the cloud does not know, and publishes the others", async () => {
    configured.push("subnet-typo");
    expect(await book.refresh()).toEqual(["subnet-typo"]);
    expect(asked).toEqual([["subnet-a", "subnet-b", "subnet-z", "subnet-typo"]]);
    expect(memory.subnets.get("subnet-a")).toMatchObject({
      spec: { vpcID: "vpc-1", zone: "zone-1", cidr: "10.0.16.0/24" },
      status: { state: "Active", total: 253, free: 10 },
    });
    expect(memory.subnets.has("subnet-typo")).toBe(false);
  });

  test("a reading that says the same is not published again before ten minutes have passed", async () => {
    await book.refresh();
    const before = memory.writes.length;
    await clock.advance(60_000);
    await book.refresh();
    expect(memory.writes.length).toBe(before);
    await clock.advance(600_000);
    await book.refresh();
    expect(memory.writes.length).toBe(before + 3);
  });

  test("a reading that says the same is published where addresses came and went, once", async () => {
    await book.refresh();
    const before = memory.writes.length;
    book.took("subnet-a", 1);
    book.gaveBack("subnet-a");
    await clock.advance(1000);
    await book.publish();
    await book.refresh();
    const readAt = new Date(clock.now()).toISOString();
    expect(memory.subnets.get("subnet-a")?.status).toMatchObject({ readAt, free: 10 });
    expect(memory.subnets.get("subnet-b")?.status?.readAt).not.toBe(readAt);
    const after = memory.writes.length;
    expect(after - before).toBeGreaterThan(0);
    await book.publish();
    await clock.advance(1000);
    await book.refresh();
    expect(memory.writes.length).toBe(after);
  });

  test("a reading that says the same is published after addresses have got their objects, which are newer than the one before", async () => {
    book.took("subnet-a", 1);
    await book.refresh();
    expect(book.hasChanged()).toBe(false);
    book.named("subnet-a");
    expect(book.hasChanged()).toBe(true);
    await clock.advance(1000);
    await book.refresh();
    expect(memory.subnets.get("subnet-a")?.status?.readAt).toBe(new Date(clock.now()).toISOString());
  });

  test("shows the subnets of a zone, new ENIs only in those that are configured and named", async () => {
    await book.refresh();
    expect(book.ofZone("zone-1")).toEqual([
      { id: "subnet-a", free: 10, forNewEnis: true },
      { id: "subnet-b", free: 20, forNewEnis: true },
    ]);
    configured = ["subnet-b", "subnet-z"];
    expect(book.ofZone("zone-1", ["subnet-a", "subnet-z"]).map((it) => it.forNewEnis)).toEqual([
      false,
      false,
    ]);
    expect(book.ofZone("zone-1", ["subnet-b"]).map((it) => it.forNewEnis)).toEqual([false, true]);
  });

  test("what was taken is gone until the next reading; of one that is full nothing is taken", async () => {
    await book.refresh();
    expect(book.hasChanged()).toBe(false);
    book.took("subnet-a", 4);
    book.exhausted("subnet-b");
    expect(book.ofZone("zone-1").map(({ free }) => free)).toEqual([6, 0]);
    expect(book.hasChanged()).toBe(true);
    await book.refresh();
    expect(book.ofZone("zone-1").map(({ free }) => free)).toEqual([10, 20]);
    expect(book.hasChanged()).toBe(false);
    book.gaveBack("subnet-a");
    expect(book.hasChanged()).toBe(true);
  });

  test("a subnet that is full is read again soon, since others give addresses back unseen", async () => {
    inCloud.set("subnet-a", subnet("subnet-a", 1));
    await book.refresh();
    expect(book.full()).toEqual(["subnet-a"]);
    expect(book.hasChanged()).toBe(false);
    await clock.advance(10_000);
    expect(book.hasChanged()).toBe(true);
    inCloud.set("subnet-a", subnet("subnet-a", 2));
    await book.refresh();
    await clock.advance(10_000);
    expect(book.hasChanged()).toBe(false);
  });

  test("a reading that failed leaves it to be read again soon", async () => {
    await book.refresh();
    book.took("subnet-a", 4);
    failure = new Error("no answer");
    expect(book.refresh()).rejects.toThrow("no answer");
    await clock.advance(0);
    expect(book.hasChanged()).toBe(true);
    expect(book.ofZone("zone-1")[0]?.free).toBe(6);
  });

  test("a subnet that was taken out of the configuration drains, until nothing of ours is in it", async () => {
    memory.enis.set("eni-1", veni("eni-1", "subnet-a"));
    memory.addresses.set("10.0.16.3", vip("10.0.16.3", "eni-1", "InUse"));
    memory.addresses.set("10.0.16.4", vip("10.0.16.4", "eni-1", "Free"));
    await book.refresh();
    configured = ["subnet-b", "subnet-z"];
    expect(book.isDraining("subnet-a")).toBe(true);
    await book.refresh();
    expect(memory.subnets.get("subnet-a")?.status?.state).toBe("Draining");
    const drained = conditionsOf("subnet-a").find(({ type }) => type === "Drained");
    expect(drained).toMatchObject({ status: "False", reason: "InUse" });
    expect(drained?.message).toContain("1 ENI with 2 addresses on node-1 left, 1 in use");

    memory.enis.clear();
    memory.addresses.clear();
    await book.refresh();
    expect(memory.subnets.get("subnet-a")?.status?.state).toBe("Disabled");
    expect(conditionsOf("subnet-a").find(({ type }) => type === "Drained")).toMatchObject({ status: "True" });

    configured = ["subnet-a", "subnet-b", "subnet-z"];
    await book.refresh();
    expect(memory.subnets.get("subnet-a")?.status?.state).toBe("Active");
    expect(conditionsOf("subnet-a").map(({ type }) => type)).toEqual(["CloudAccess"]);
  });

  test("nothing drains while one of the configured subnets is none of the cloud's: its id may be that of another, mistyped", async () => {
    memory.enis.set("eni-1", veni("eni-1", "subnet-a"));
    await book.refresh();
    configured = ["subnet-typo", "subnet-b", "subnet-z"];
    expect(await book.refresh()).toEqual(["subnet-typo"]);
    expect(book.isDraining("subnet-a")).toBe(false);
    expect(memory.subnets.get("subnet-a")?.status?.state).toBe("Active");
    configured = ["subnet-b", "subnet-z"];
    expect(book.isDraining("subnet-a")).toBe(true);
  });

  test("says on every subnet how the way to the cloud is, as soon as it is asked to", async () => {
    await book.refresh();
    health = { state: "credential-rejected", since: 0, message: "put a valid credential in place" };
    await book.publish();
    for (const id of configured) {
      expect(conditionsOf(id)).toMatchObject([
        { type: "CloudAccess", status: "False", reason: "CredentialRejected" },
      ]);
    }
  });

  test("finds a subnet that an ENI of ours is in, whatever is configured, and asks for it once", async () => {
    configured = ["subnet-b"];
    expect(await book.get("subnet-a")).toMatchObject({ id: "subnet-a" });
    await book.get("subnet-a");
    expect(await book.get("subnet-x")).toBeUndefined();
    expect(asked).toEqual([["subnet-a"], ["subnet-x"]]);
  });
});
