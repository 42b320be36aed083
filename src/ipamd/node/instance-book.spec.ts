import { describe, expect, test } from "bun:test";
import type { CloudReads } from "../../cloud/budget/budgeted-reads.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import { InstanceBook } from "./instance-book.ts";

function node(name: string, spec: Node["spec"] = {}, uid = name): Node {
  const metadata = { name, uid, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
  return { metadata, spec, status: { addresses: [{ type: "InternalIP", address: "10.0.1.11" }] } };
}

function book(instances: Partial<Instance>[]) {
  const calls: string[] = [];
  const cloud = {
    async instancesById(ids: string[]) {
      calls.push(`id ${ids}`);
      return instances.filter(({ id = "" }) => ids.includes(id));
    },
    async instanceByAddress(_: string, address: string) {
      calls.push(`address ${address}`);
      return instances.find(({ privateAddresses = [] }) => privateAddresses.includes(address));
    },
    async interfaceLimit(id: string) {
      calls.push(`limit ${id}`);
      throw new CloudError({ class: "not-authorised", action: "", code: "", message: "", requestId: "" });
    },
  } as unknown as CloudReads;
  const clock = createImpatientClock();
  const book = new InstanceBook({ cloud, clock, vpcId: () => "vpc-1", quotaChanged: () => {} });
  return { calls, clock, book };
}

const instance = {
  id: "ins-a1",
  vpcId: "vpc-1",
  state: "running" as const,
  privateAddresses: ["10.0.1.11"],
};

/** A clock whose time passes at once for whoever waits. */
function createImpatientClock() {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms: number) => {
      await Promise.resolve();
      now += ms;
    },
  };
}

describe("InstanceBook", () => {
  test("finds an instance by providerID, else by private address, and asks once a Node", async () => {
    const { book: instances, calls } = book([instance]);
    const named = node("a", { providerID: "qcloud:///800001/ins-a1" });
    for (const it of [named, named, node("b"), node("b")]) {
      expect((await instances.identify(it)).instance?.id).toBe("ins-a1");
    }
    expect(calls).toEqual(["id ins-a1", "address 10.0.1.11"]);
    await instances.identify(node("b", {}, "made anew"));
    expect(calls).toHaveLength(3);
  });

  test("says why an instance cannot serve, and asks again", async () => {
    const { book: instances, calls } = book([{ ...instance, vpcId: "vpc-2" }]);
    expect((await instances.identify(node("b"))).problem).toContain("ins-a1 is in vpc-2");
    expect((await instances.identify(node("b"))).problem).toContain("vpc-1");
    expect(calls).toHaveLength(2);
  });

  test("a Node may be any instance until the cloud has been asked", async () => {
    const { book: instances } = book([instance]);
    const [a1, a2] = [new Set(["ins-a1"]), new Set(["ins-a2"])];
    const named = node("a", { providerID: "qcloud:///800001/ins-a1" });
    expect([instances.mayBe(named, a1), instances.mayBe(named, a2)]).toEqual([true, false]);
    expect([instances.mayBe(node("b"), a1), instances.mayBe(node("b"), a2)]).toEqual([true, true]);
    await instances.identify(node("b"));
    expect([instances.mayBe(node("b"), a1), instances.mayBe(node("b"), a2)]).toEqual([true, false]);
    expect(instances.mayBe(node("b", {}, "made anew"), a2)).toBe(true);
  });

  test("a Node that the cloud knows nothing of is none of them", async () => {
    const { book: instances } = book([]);
    await instances.identify(node("b"));
    expect(instances.mayBe(node("b"), new Set(["ins-a1"]))).toBe(false);
  });

  test("asks for a hundred Nodes that come at once in one call", async () => {
    const { book: instances, calls } = book([instance]);
    const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
    await Promise.all(
      names.map((name) => instances.identify(node(name, { providerID: `qcloud:///800001/ins-${name}` }))),
    );
    expect(calls).toEqual([`id ${names.map((name) => `ins-${name}`)}`]);
  });

  test("an instance is down once two readings far enough apart have said so", async () => {
    const stopped: Partial<Instance>[] = [{ ...instance, state: "stopped" }];
    const { book: instances, clock } = book(stopped);
    expect(await instances.isDown("ins-a1")).toBe(false);
    await clock.sleep(10_000);
    expect(await instances.isDown("ins-a1")).toBe(true);
    expect(instances.downFor("ins-a1")).toBe("stopped");
    stopped[0] = instance;
    await clock.sleep(10_000);
    expect(await instances.isDown("ins-a1")).toBe(false);
    expect(await instances.isDown("ins-a2")).toBe(false);
    await clock.sleep(10_000);
    await instances.isDown("ins-a2");
    expect(instances.downFor("ins-a2")).toBe("gone");
  });

  test("one reading that lacks a stopped instance does not prove it gone: its ENIs are kept for it", async () => {
    const known: Partial<Instance>[] = [{ ...instance, state: "stopped" }];
    const { book: instances, clock } = book(known);
    await instances.isDown("ins-a1");
    await clock.sleep(10_000);
    await instances.isDown("ins-a1");
    known.length = 0;
    await clock.sleep(10_000);
    await instances.isDown("ins-a1");
    expect(instances.downFor("ins-a1")).toBeUndefined();
    await clock.sleep(10_000);
    await instances.isDown("ins-a1");
    expect(instances.downFor("ins-a1")).toBe("gone");
  });

  test("where the quota cannot be read, what was read before holds: the table may say less, and would empty nodes", async () => {
    const { book: instances } = book([instance]);
    const unusual: Instance = { ...instance, type: "XYZ", zone: "", subnetId: "", securityGroupIds: [] };
    expect(await instances.limit(unusual, { enis: 8, addressesPerEni: 30 })).toEqual({
      enis: 8,
      addressesPerEni: 30,
    });
    expect(await instances.limit(unusual, undefined)).toEqual({ enis: 2, addressesPerEni: 2 });
  });
});
