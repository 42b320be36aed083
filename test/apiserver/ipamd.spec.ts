// The real ipamd against a real API server and vpc-sim's API, reached through the real SDK. Agents are played by hand: they
// answer reclaim tokens and say which addresses are in use.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { AGENT_MANAGER, IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import type { VpcENI } from "../../src/api/vpc-eni.ts";
import type { VpcIP } from "../../src/api/vpc-ip.ts";
import { CloudError } from "../../src/cloud/cloud-error.ts";
import type { CloudVpc } from "../../src/cloud/cloud-vpc.ts";
import type { Ipamd, IpamdSettings } from "../../src/ipamd/ipamd.ts";
import { leases, nodes } from "../../src/kube/core-resources.ts";
import { necs, type Pool, startPool, until, venis, vips, vsubs } from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

let pool: Pool;
let control: Pool["control"];
let kube: Pool["kube"];
let ipamd: Ipamd | undefined;

const start = (
  overrides: Partial<IpamdSettings> = {},
  wrap?: (cloud: CloudVpc) => CloudVpc,
): Promise<Ipamd> => pool.startAnother(overrides, wrap && { wrap });

/** The cloud with one of its calls done in another way. */
function changed(cloud: CloudVpc, changes: Partial<CloudVpc>): CloudVpc {
  const names = [
    "instancesById",
    "instanceByAddress",
    "subnets",
    "interfaceLimit",
    "interfacesById",
  ] as const;
  const acts = ["interfacesByTag", "createAndAttach", "detach", "remove", "assign", "unassign"] as const;
  const calls = [...names, ...acts].map((name) => [name, cloud[name].bind(cloud)] as const);
  return { ...(Object.fromEntries(calls) as unknown as CloudVpc), ...changes };
}

async function addNode(
  name: string,
  instance: { id: string; address: string; zone: string; subnet: string; providerId: boolean },
) {
  await control.addInstance({
    instanceId: instance.id,
    name,
    instanceType: "SA2.MEDIUM4",
    zone: instance.zone,
    subnetId: instance.subnet,
    privateIp: instance.address,
    netns: "/run/netns/none",
    device: "eth0",
  });
  const spec = instance.providerId ? { providerID: `qcloud:///800001/${instance.id}` } : {};
  await kube.create(nodes, { metadata: { name }, spec });
  await kube.mergePatch(nodes, name, {
    subresource: "status",
    patch: { status: { addresses: [{ type: "InternalIP", address: instance.address }] } },
  });
}

const addPods = (node: string, count: number) => pool.addPods(node, count);
const addressesOf = (node: string) => pool.addressesOf(node);
const enisOf = (node: string) => pool.enisOf(node);
const cloudEnis = () => pool.cloudEnis();
const sayUse: Pool["sayUse"] = (address, use) => pool.sayUse(address, use);

beforeAll(async () => {
  pool = await startPool({ factor: 1 });
  ({ control, kube } = pool);
  ipamd = await start();
}, 300_000);

afterAll(async () => {
  await ipamd?.stop();
  await pool?.stop();
}, 60_000);

describe("ipamd", () => {
  test("makes a first ENI in the node's zone with the warm addresses, and objects that say so", async () => {
    await addNode("node-a", {
      id: "ins-0000000a",
      address: "10.0.1.21",
      zone: "ap-sim-1",
      subnet: "subnet-node0001",
      providerId: true,
    });
    const found = await until("three addresses of node-a", async () => {
      const list = await addressesOf("node-a");
      return list.length === 3 && list.every((vip) => vip.status?.cloud?.state === "Assigned") && list;
    });
    const [veni] = await enisOf("node-a");
    expect(veni?.spec).toMatchObject({
      node: "node-a",
      instanceID: "ins-0000000a",
      subnetID: "subnet-pods0001",
      subnetCIDR: "10.0.16.0/24",
      gateway: "10.0.16.1",
      intent: "Attached",
    });
    for (const vip of found) {
      expect(vip.spec).toMatchObject({
        node: "node-a",
        eniID: veni?.metadata.name as string,
        instanceID: "ins-0000000a",
      });
      expect(vip.metadata.finalizers).toEqual(["networking.tke.cloud.tencent.com/cloud"]);
      expect(vip.spec.reclaim).toBeUndefined();
    }
    const nec = await until("node-a to be ready", async () => {
      const it = await kube.get(necs, "node-a");
      return it.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") && it;
    });
    expect(nec.status).toMatchObject({
      instanceID: "ins-0000000a",
      zone: "ap-sim-1",
      enis: "1/3",
      addresses: "3/27",
      quota: { enis: 4, addressesPerENI: 10 },
    });
    const eni = (await cloudEnis()).find((it) => it.eniId === veni?.metadata.name);
    expect(eni?.tags).toMatchObject({ "tke-eni/node": "node-a" });
    const subnet = await until("the subnet's object", () => kube.find(vsubs, "subnet-pods0001"));
    expect(subnet.spec).toMatchObject({ zone: "ap-sim-1", cidr: "10.0.16.0/24" });
  });

  test("finds the instance of a node without providerID by its private address", async () => {
    await addNode("node-b", {
      id: "ins-0000000b",
      address: "10.0.2.22",
      zone: "ap-sim-2",
      subnet: "subnet-node0002",
      providerId: false,
    });
    await until("three addresses of node-b", async () => (await addressesOf("node-b")).length === 3);
    expect((await enisOf("node-b"))[0]?.spec).toMatchObject({
      instanceID: "ins-0000000b",
      subnetID: "subnet-pods0002",
    });
  });

  test("grows with the pods that are bound to the node, over a second ENI", async () => {
    await addPods("node-a", 8);
    await until("eleven addresses of node-a", async () => (await addressesOf("node-a")).length === 11);
    const counts = (await enisOf("node-a")).map((veni) => veni.status?.cloud?.usage).sort();
    await until("usage of both ENIs", async () => {
      const usage = (await enisOf("node-a")).map((veni) => veni.status?.cloud?.usage).sort();
      return usage.join() === "2/9,9/9";
    });
    expect(counts).toHaveLength(2);
  });

  test("never takes back on its own word: an address goes only after the agent has answered the token", async () => {
    const unassigned = async () => (await control.readCalls())["UnassignPrivateIpAddresses"]?.calls ?? 0;
    const before = await unassigned();
    const vip = (await addressesOf("node-b"))[0] as VpcIP;
    const name = vip.metadata.name;
    await kube.delete(vips, name);
    const asked = await until("a token", async () => {
      const it = await kube.get(vips, name);
      return it.spec.reclaim !== undefined && it;
    });
    const since = new Date().toISOString();
    await sayUse(name, { state: "Reclaimable", token: "another token", since });
    await Bun.sleep(1500);
    expect(await kube.find(vips, name)).toBeDefined();
    expect(await unassigned()).toBe(before);
    await sayUse(name, { state: "Reclaimable", token: asked.spec.reclaim?.token as string, since });
    await until(
      "the object to go",
      async () => (await kube.find(vips, name))?.metadata.uid !== vip.metadata.uid,
    );
    expect(await unassigned()).toBe(before + 1);
    await until("the warm target to be met again", async () => (await addressesOf("node-b")).length === 3);
  });

  test("a new leader goes on where the old one stopped, and makes nothing twice", async () => {
    const before = (await cloudEnis()).map((eni) => eni.eniId).sort();
    await ipamd?.stop();
    const lease = await kube.get(leases, "tke-eni-ipamd", { namespace: "kube-system" });
    expect(lease.spec.holderIdentity ?? "").toBe("");
    ipamd = await start();
    await addPods("node-b", 1);
    await until("four addresses of node-b", async () => (await addressesOf("node-b")).length === 4);
    expect((await cloudEnis()).map((eni) => eni.eniId).sort()).toEqual(before);
  });

  test("an ENI that lost its object is adopted, not made again", async () => {
    await ipamd?.stop();
    const [veni] = await enisOf("node-b");
    const name = veni?.metadata.name as string;
    await kube.mergePatch(venis, name, { patch: { metadata: { finalizers: [] } } });
    await kube.delete(venis, name);
    ipamd = await start();
    const adopted = await until("the object", () => kube.find(venis, name));
    expect(adopted.metadata.uid).not.toBe(veni?.metadata.uid as string);
    expect(adopted.spec).toEqual(veni?.spec as VpcENI["spec"]);
    expect((await enisOf("node-b")).map((it) => it.metadata.name)).toEqual([name]);
  });

  test("a deleted Node that comes back within the grace keeps what it had", async () => {
    await ipamd?.stop();
    ipamd = await start({ nodeGoneGraceMs: 60_000 });
    const before = (await addressesOf("node-b")).map((vip) => vip.metadata.uid).sort();
    const node = await kube.get(nodes, "node-b");
    await kube.delete(nodes, "node-b");
    await Bun.sleep(2500);
    await kube.create(nodes, { metadata: { name: "node-b" }, spec: {} });
    await kube.mergePatch(nodes, "node-b", {
      subresource: "status",
      patch: { status: { addresses: node.status?.addresses ?? [] } },
    });
    await Bun.sleep(1500);
    expect((await addressesOf("node-b")).map((vip) => vip.metadata.uid).sort()).toEqual(before);
    for (const veni of await enisOf("node-b")) expect(veni.spec.intent).toBe("Attached");
  });

  test("a deleted Node gives back its ENIs: asked first, then detached, deleted, and its objects gone", async () => {
    await ipamd?.stop();
    ipamd = await start();
    const gone = (await enisOf("node-a")).map((veni) => veni.metadata.name);
    expect(gone).toHaveLength(2);
    await kube.delete(nodes, "node-a");
    const asked = await until("a token on each ENI", async () => {
      const list = await enisOf("node-a");
      return list.length === 2 && list.every((veni) => veni.spec.reclaim !== undefined) && list;
    });
    expect(asked.map((veni) => veni.spec.intent)).toEqual(["Released", "Released"]);
    await until(
      "the node's objects to go",
      async () => (await kube.find(necs, "node-a")) === undefined,
      30_000,
    );
    expect(await addressesOf("node-a")).toEqual([]);
    expect(await enisOf("node-a")).toEqual([]);
    const left = (await cloudEnis()).map((eni) => eni.eniId);
    for (const id of gone) expect(left).not.toContain(id);
    expect(await enisOf("node-b")).toHaveLength(1);
  });

  test("says what is wrong with a node that the cloud does not know", async () => {
    await kube.create(nodes, {
      metadata: { name: "node-x" },
      spec: { providerID: "qcloud:///800001/ins-ffffffff" },
    });
    const condition = await until("the condition", async () =>
      (await kube.find(necs, "node-x"))?.status?.conditions?.find((c) => c.type === "Ready"),
    );
    expect(condition).toMatchObject({ status: "False", reason: "NoInstance" });
    expect(condition.message).toContain("ins-ffffffff");
  });

  test("an ENI whose making was never answered goes with its Node", async () => {
    await ipamd?.stop();
    const registered = Promise.withResolvers<void>();
    ipamd = await start({}, (cloud) =>
      changed(cloud, {
        async createAndAttach(request) {
          await cloud.createAndAttach(request);
          await registered.promise;
          await kube.delete(nodes, "node-c");
          const lost = { class: "unknown", action: "CreateAndAttachNetworkInterface", code: "" } as const;
          throw new CloudError({ ...lost, message: "the answer was lost", requestId: "" });
        },
      }),
    );
    const others = (await cloudEnis()).length;
    await addNode("node-c", {
      id: "ins-0000000c",
      address: "10.0.1.23",
      zone: "ap-sim-1",
      subnet: "subnet-node0001",
      providerId: true,
    });
    registered.resolve();
    await until("the ENI of node-c", async () => (await cloudEnis()).length === others + 1);
    await until("its end", async () => (await cloudEnis()).length === others);
    await until("the node's objects to go", async () => (await kube.find(necs, "node-c")) === undefined);
    expect(await enisOf("node-c")).toEqual([]);
  });

  test("another machine under the same name starts at once, and what the former one had goes", async () => {
    await ipamd?.stop();
    ipamd = await start();
    const [former] = await enisOf("node-b");
    await kube.delete(nodes, "node-b");
    await addNode("node-b", {
      id: "ins-000000b2",
      address: "10.0.2.32",
      zone: "ap-sim-2",
      subnet: "subnet-node0002",
      providerId: true,
    });
    await until("an ENI on the new machine", async () =>
      (await enisOf("node-b")).some((veni) => veni.spec.instanceID === "ins-000000b2"),
    );
    await until("the former ENI to go from the cloud", async () =>
      (await cloudEnis()).every((eni) => eni.eniId !== former?.metadata.name),
    );
    await until("its objects to go", async () =>
      [...(await enisOf("node-b")), ...(await addressesOf("node-b"))].every(
        (object) => object.spec.instanceID === "ins-000000b2",
      ),
    );
  });

  test("a machine that registers under another name after its agent was asked keeps its ENIs", async () => {
    await ipamd?.stop();
    ipamd = await start({ agentAnswerMs: 3000 });
    await kube.delete(nodes, "node-b");
    const asked = await until("a token on the ENI", async () => {
      const list = await enisOf("node-b");
      return list.length === 1 && list[0]?.spec.reclaim !== undefined && list;
    });
    await kube.create(nodes, {
      metadata: { name: "node-b3" },
      spec: { providerID: `qcloud:///800001/${asked[0]?.spec.instanceID}` },
    });
    await Bun.sleep(4500);
    const eni = (await cloudEnis()).find((it) => it.eniId === asked[0]?.metadata.name);
    expect(eni).toMatchObject({ state: "AVAILABLE", instanceId: "ins-000000b2" });
  });

  test("an address whose ENI has no object any more goes once the cloud lacks it", async () => {
    await kube.apply(
      vips,
      {
        metadata: { name: "10.0.16.250", finalizers: ["networking.tke.cloud.tencent.com/cloud"] },
        spec: {
          type: "Pod",
          subnetID: "subnet-pods0001",
          eniID: "eni-00000000",
          node: "node-x",
          instanceID: "ins-ffffffff",
        },
      },
      { fieldManager: IPAMD_MANAGER },
    );
    await kube.delete(nodes, "node-x");
    await until("its object to go", async () => (await kube.find(vips, "10.0.16.250")) === undefined, 40_000);
    await until("that of its node to go", async () => (await kube.find(necs, "node-x")) === undefined);
  });

  test("leads although one of the subnets does not exist, and the cloud does not answer at first", async () => {
    await ipamd?.stop();
    let refusals = 2;
    ipamd = await start({ subnetIds: ["subnet-pods0001", "subnet-nowhere1"] }, (cloud) =>
      changed(cloud, {
        async interfacesByTag(tag) {
          if (refusals-- > 0) {
            const code = "RequestLimitExceeded";
            const kind = { class: "retry-later", action: "DescribeNetworkInterfaces", code } as const;
            throw new CloudError({ ...kind, message: "too many", requestId: "r-1" });
          }
          return cloud.interfacesByTag(tag);
        },
      }),
    );
    await addNode("node-d", {
      id: "ins-0000000d",
      address: "10.0.1.24",
      zone: "ap-sim-1",
      subnet: "subnet-node0001",
      providerId: true,
    });
    await until("three addresses of node-d", async () => (await addressesOf("node-d")).length === 3);
  });

  test("says again of an address what the cloud says, where that was not written down", async () => {
    const { name } = ((await addressesOf("node-d"))[0] as VpcIP).metadata;
    await kube.applyStatus(
      vips,
      { metadata: { name }, status: { cloud: { state: "Releasing", since: new Date().toISOString() } } },
      { fieldManager: "somebody", force: true },
    );
    await kube.mergePatch(vips, name, { subresource: "status", patch: { status: { cloud: null } } });
    await until("the state", async () => (await kube.get(vips, name)).status?.cloud?.state === "Assigned");
  });

  test("an ENI that a user deletes is asked back, and goes when its agent agrees", async () => {
    const [veni] = await enisOf("node-d");
    const name = veni?.metadata.name as string;
    await kube.delete(venis, name);
    const asked = await until("a token", async () => {
      const it = await kube.get(venis, name);
      return it.spec.reclaim !== undefined && it;
    });
    expect(asked.spec).toMatchObject({ intent: "Released", reclaim: { mode: "when-free" } });
    // Of an ENI that is to go what may be in use counts as the node's, until its agent has said that it is not.
    for (const vip of await addressesOf("node-d")) {
      await sayUse(vip.metadata.name, { state: "Free", since: new Date().toISOString() });
    }
    await until("another ENI in its place", async () => (await enisOf("node-d")).length === 2);
    const token = asked.spec.reclaim?.token as string;
    const use = { state: "Reclaimable", token, since: new Date().toISOString() } as const;
    await kube.applyStatus(venis, { metadata: { name }, status: { use } }, { fieldManager: AGENT_MANAGER });
    await until("its object to go", async () => (await kube.find(venis, name)) === undefined);
    expect((await cloudEnis()).map((eni) => eni.eniId)).not.toContain(name);
  });

  /** Has an address of node-d given back, and as many pods come as it has lost and more: the cloud hands the lowest free ones out, and so that. */
  async function giveBackAndAskForMore(pods: number): Promise<{ name: string; eniId: string }> {
    const held = (await addressesOf("node-d"))[0] as VpcIP;
    const { name, uid } = held.metadata;
    await kube.delete(vips, name);
    const asked = await until("a token", async () => {
      const it = await kube.get(vips, name);
      return it.spec.reclaim !== undefined && it;
    });
    const token = asked.spec.reclaim?.token as string;
    await sayUse(name, { state: "Reclaimable", token, since: new Date().toISOString() });
    await until("the object to go", async () => (await kube.find(vips, name))?.metadata.uid !== uid);
    await addPods("node-d", pods);
    return { name, eniId: held.spec.eniID };
  }

  const cloudHas = async (eniId: string, address: string) =>
    (await cloudEnis()).some((it) => it.eniId === eniId && it.addresses.some((a) => a.address === address));

  test("an address that the cloud hands back right after its release is used, since no second release can come", async () => {
    const { name, eniId } = await giveBackAndAskForMore(6);
    await until("nine addresses", async () => (await addressesOf("node-d")).length === 9);
    expect((await addressesOf("node-d")).map((vip) => vip.metadata.name)).toContain(name);
    expect(await cloudHas(eniId, name)).toBe(true);
  });

  test("one whose release was never answered stays unused when the cloud hands it back", async () => {
    await ipamd?.stop();
    ipamd = await start({}, (cloud) =>
      changed(cloud, {
        async unassign(eniId, addresses) {
          await cloud.unassign(eniId, addresses);
          const lost = { class: "unknown", action: "UnassignPrivateIpAddresses", code: "" } as const;
          throw new CloudError({ ...lost, message: "no answer", requestId: "" });
        },
      }),
    );
    const { name, eniId } = await giveBackAndAskForMore(4);
    await until("the cloud to hand it back", () => cloudHas(eniId, name));
    await until("thirteen others", async () => (await addressesOf("node-d")).length === 13);
    expect((await addressesOf("node-d")).map((vip) => vip.metadata.name)).not.toContain(name);
  });

  test("an ENI that the cloud gives nothing to does not hold up the others", async () => {
    await ipamd?.stop();
    ipamd = await start({ subnetIds: ["subnet-pods0001"] }, (cloud) =>
      changed(cloud, {
        async assign() {
          const kind = { class: "quota", action: "AssignPrivateIpAddresses", code: "LimitExceeded" } as const;
          throw new CloudError({ ...kind, message: "no more on this one", requestId: "r-1" });
        },
      }),
    );
    const before = (await enisOf("node-d")).length;
    await addPods("node-d", 12);
    await until("another ENI", async () => (await enisOf("node-d")).length > before);
  });
});
