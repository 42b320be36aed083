import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { callerOf } from "../admission/credential.ts";
import { simulatedWorld } from "../config.ts";
import { RecordingFabric } from "../recording-fabric.ts";
import { systemClock } from "../simulator.ts";
import { createSimulatedCloud } from "../tencent/simulated-cloud.ts";
import { createControlApp } from "./app.ts";
import { ControlClient } from "./client.ts";
import type { InstanceRequest } from "./messages.ts";

const log = { debug() {}, info() {}, warn() {} };
const fabric = new RecordingFabric();
// Tasks end when they are released.
const latency = { default: 3_600_000, actions: {} };
const cloud = createSimulatedCloud(
  { ...simulatedWorld(), latency },
  {
    clock: systemClock,
    fabric,
    log,
    newRequestId: () => crypto.randomUUID(),
  },
);
const { simulator } = cloud;
const app = createControlApp(cloud.control);
let server: ReturnType<typeof Bun.serve>;
let client: ControlClient;

beforeAll(() => {
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
  client = new ControlClient(`http://127.0.0.1:${server.port}/`);
});

afterAll(async () => {
  await server.stop(true);
  await simulator.close();
});

function machine(changes: Partial<InstanceRequest> = {}): InstanceRequest {
  return {
    instanceId: "ins-node0001",
    name: "node-1",
    instanceType: "S5.MEDIUM4",
    zone: "ap-sim-1",
    subnetId: "subnet-node0001",
    privateIp: "10.0.1.11",
    netns: "/run/netns/node-1",
    device: "eth0",
    ...changes,
  };
}

describe("the control API", () => {
  it("starts, stops and terminates machines, and the network follows", async () => {
    const answer = await client.addInstance(machine());
    const { primaryEniId } = answer;
    expect(answer).toMatchObject({ gateway: "10.0.1.1", prefixLength: 24 });
    expect(answer.mac).toMatch(/^20:90:6f:/);
    expect((await client.readState()).instances).toEqual([
      {
        instanceId: "ins-node0001",
        name: "node-1",
        state: "RUNNING",
        zone: "ap-sim-1",
        privateIp: "10.0.1.11",
      },
    ]);
    await client.stopInstance("ins-node0001");
    await client.startInstance("ins-node0001");
    await client.removeInstance("ins-node0001");
    expect(fabric.acts).toEqual([
      `plug ${primaryEniId}`,
      `assign ${primaryEniId} 10.0.1.11`,
      `unplug ${primaryEniId}`,
      `plug ${primaryEniId}`,
      `assign ${primaryEniId} 10.0.1.11`,
      `unplug ${primaryEniId}`,
    ]);
    expect((await client.readState()).instances).toEqual([]);
  });

  it("shows subnets, network interfaces and their addresses", async () => {
    await client.addInstance(machine());
    const state = await client.readState();
    expect(state.subnets[0]).toEqual({
      subnetId: "subnet-node0001",
      total: 253,
      available: 252,
      outsiders: [],
    });
    expect(state.enis).toMatchObject([
      {
        instanceId: "ins-node0001",
        primary: true,
        state: "AVAILABLE",
        addresses: [{ address: "10.0.1.11", primary: true, state: "AVAILABLE" }],
      },
    ]);
    expect(state.runningTasks).toBe(0);
    await client.removeInstance("ins-node0001");
  });

  it("does what people do in the console, as tasks of the cloud", async () => {
    await client.addInstance(machine());
    const foreign = await client.createEni({
      subnetId: "subnet-pods0001",
      instanceId: "ins-node0001",
      secondaryCount: 1,
      tags: { owner: "somebody" },
    });
    expect(foreign.addresses).toEqual(["10.0.16.2", "10.0.16.3"]);
    expect(await client.readTasks()).toMatchObject([{ eniId: foreign.eniId, kind: "create" }]);
    const eni = async () => (await client.readState()).enis.find((it) => it.eniId === foreign.eniId);
    const settled = async () => {
      for (let [task] = await client.readTasks(); task !== undefined; [task] = await client.readTasks()) {
        await client.releaseTask(task.taskId);
      }
      return eni();
    };
    expect(await settled()).toMatchObject({ instanceId: "ins-node0001", tags: { owner: "somebody" } });
    await client.changeTags(foreign.eniId, { set: { a: "1" }, remove: ["owner"] });
    expect((await eni())?.tags).toEqual({ a: "1" });

    expect(await client.assignAddresses(foreign.eniId, { addresses: ["10.0.16.9"] })).toEqual({
      addresses: ["10.0.16.9"],
    });
    await settled();
    await client.unassignAddresses(foreign.eniId, ["10.0.16.3"]);
    expect((await settled())?.addresses.map((it) => it.address)).toEqual(["10.0.16.2", "10.0.16.9"]);
    await client.detachEni(foreign.eniId);
    expect((await settled())?.instanceId).toBeNull();
    await client.attachEni(foreign.eniId, "ins-node0001");
    expect((await settled())?.instanceId).toBe("ins-node0001");
    await client.detachEni(foreign.eniId);
    await settled();
    await expect(client.detachEni(foreign.eniId)).rejects.toMatchObject({
      code: "UnsupportedOperation.AttachmentNotFound",
    });
    await client.deleteEni(foreign.eniId);
    expect(await settled()).toBeUndefined();
    await client.removeInstance("ins-node0001");
  });

  it("changes quotas, and has outsiders take addresses", async () => {
    await client.addInstance(machine());
    await client.changeQuota("ins-node0001", { eniQuota: 9 });
    expect(simulator.state.instances.get("ins-node0001")?.type.eniQuota).toBe(9);
    await client.resizeInstance("ins-node0001", "S5.2XLARGE16");
    expect(simulator.state.instances.get("ins-node0001")?.type).toMatchObject({ cpu: 8, eniQuota: 6 });
    await client.removeInstance("ins-node0001");

    const pods = async () => (await client.readState()).subnets[2];
    const { addresses } = await client.takeAddresses("subnet-pods0001", { count: 2 });
    expect(await pods()).toMatchObject({ available: 251, outsiders: addresses });
    await client.giveBackAddresses("subnet-pods0001", { addresses });
    expect(await pods()).toMatchObject({ available: 253, outsiders: [] });
  });

  it("puts faults in force and takes them away", async () => {
    const { id } = await client.addFault({
      actions: ["DescribeVpcs"],
      calls: 2,
      forMs: 60_000,
      effect: { kind: "loseAnswer" },
    });
    expect(await client.readFaults()).toMatchObject([
      { id, left: 2, struck: 0, probability: 1, effect: { kind: "loseAnswer", manner: "close" } },
    ]);
    await client.removeFault(id);
    await client.addFault({ actions: ["*"], effect: { kind: "stallTask" } });
    await client.clearFaults();
    await client.releaseStalledTasks();
    expect(await client.readFaults()).toEqual([]);
  });

  it("sets what can be set while it runs", async () => {
    const before = await client.readSettings();
    expect(before).toEqual({
      rateLimits: { actions: {} },
      describeLag: { ms: 0, varies: false },
      clockSkewMs: 0,
      vpcMaxEnis: 1000,
      asymmetricOutside: false,
    });
    const settings = {
      rateLimits: false,
      describeLag: { ms: 100, varies: true },
      clockSkewMs: -5,
      vpcMaxEnis: 7,
      asymmetricOutside: true,
    } as const;
    await client.changeSettings(settings);
    expect(await client.readSettings()).toEqual(settings);
    expect(fabric.acts).toContain("asymmetric outside true");
    await client.changeSettings({ clockSkewMs: 0 });
    expect(await client.readSettings()).toEqual({ ...settings, clockSkewMs: 0 });
    await client.changeSettings(before);
  });

  it("changes who may call, and what", async () => {
    const call = async () => {
      const caller = callerOf({ secretId: "AKID/two", secretKey: "key" });
      const outcome = await cloud.api.call({ product: "vpc", action: "DescribeVpcs", body: {}, caller });
      return "refused" in outcome ? outcome.refused.code : undefined;
    };
    await client.putCredential("AKID/two", { secretKey: "key" });
    expect(await call()).toBeUndefined();
    await client.denyActions("AKID/two", ["DescribeVpcs"]);
    expect(await call()).toBe("UnauthorizedOperation");
    await client.denyActions("AKID/two", []);
    expect(await call()).toBeUndefined();
    await client.removeCredential("AKID/two");
    expect(await call()).toBe("AuthFailure.SecretIdNotFound");
  });

  it("reads and resets the counters", async () => {
    await client.resetCalls();
    const caller = callerOf(simulatedWorld().credentials[0] ?? { secretId: "", secretKey: "" });
    await cloud.api.call({ product: "vpc", action: "DescribeVpcs", body: {}, caller });
    const once = { calls: 1, errors: {}, busiestSecond: 1 };
    expect(await client.readCalls()).toEqual({ DescribeVpcs: once });
    expect(await client.readProductCalls()).toEqual({ vpc: once });
    await client.resetCalls();
    expect(await client.readCalls()).toEqual({});
  });

  it("reads the drops", async () => {
    expect(await client.readDrops()).toEqual(await fabric.drops());
  });

  it("is healthy while it answers", async () => {
    expect(await client.isHealthy()).toBe(true);
    expect(await new ControlClient("http://127.0.0.1:1").isHealthy()).toBe(false);
  });

  it("keeps nothing of a machine whose links cannot be made", async () => {
    fabric.failing = "plug";
    await expect(client.addInstance(machine())).rejects.toMatchObject({ code: "InternalError" });
    fabric.failing = undefined;
    expect((await client.readState()).instances).toEqual([]);
  });

  it("says what it refuses, and why", async () => {
    await expect(client.removeInstance("ins-00000000")).rejects.toMatchObject({
      code: "ResourceNotFound",
      message: expect.stringContaining("ins-00000000"),
    });
    await expect(client.addInstance(machine({ instanceType: "m5.large" }))).rejects.toThrow(/m5\.large/);
    await expect(client.addInstance(machine({ privateIp: "10.0.1" }))).rejects.toThrow(/privateIp/);
    await expect(client.addInstance(machine({ netns: "node-1" }))).rejects.toThrow(/netns: must be a path/);
    await expect(
      client.addFault({ actions: ["*"], effect: { kind: "loseAnswer", manner: "shout" as never } }),
    ).rejects.toThrow(/effect\.manner: .*"close"\|"hang".*it is "shout"/);
    await expect(client.changeSettings({ rateLimits: true as never })).rejects.toThrow(
      /rateLimits: must be false, or figures under `default` and `actions`; it is true/,
    );
    await expect(client.takeAddresses("subnet-pods0001", {})).rejects.toThrow(
      /must name addresses, or a count/,
    );
    const response = await app.request("/v1/instances", { method: "POST", body: "{" });
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: "InvalidParameter", message: "The body is not JSON." },
    ]);
  });
});
