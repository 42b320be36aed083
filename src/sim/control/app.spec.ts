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
const cloud = createSimulatedCloud(simulatedWorld(), {
  clock: systemClock,
  fabric,
  log,
  newRequestId: () => crypto.randomUUID(),
});
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

  it("reads and resets the counters", async () => {
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
    const response = await app.request("/v1/instances", { method: "POST", body: "{" });
    expect([response.status, await response.json()]).toEqual([
      400,
      { code: "InvalidParameter", message: "The body is not JSON." },
    ]);
  });
});
