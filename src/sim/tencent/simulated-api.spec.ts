import { beforeEach, describe, expect, it } from "bun:test";
import { callerOf } from "../admission/credential.ts";
import type { FaultWish } from "../admission/fault.ts";
import { type SimConfig, simulatedWorld } from "../config.ts";
import { noFabric } from "../fabric/fabric.ts";
import { VirtualClock } from "../virtual-clock.ts";
import type { ApiOutcome } from "./simulated-api.ts";
import { createSimulatedCloud, type SimulatedCloud } from "./simulated-cloud.ts";

const log = { debug() {}, info() {}, warn() {} };
const start = 1_800_000_000_000;
const credential = { secretId: "AKIDsimulatedworld", secretKey: "not-a-secret" };
const instanceId = "ins-node0001";
const pods = "subnet-pods0001";
const eniParameters = { VpcId: "vpc-sim00001", SubnetId: pods, NetworkInterfaceName: "x" };

let clock: VirtualClock;
let cloud: SimulatedCloud;

async function begin(changes: Partial<SimConfig> = {}) {
  clock = new VirtualClock(start);
  let made = 0;
  const newRequestId = () => {
    made++;
    return `request-${made}`;
  };
  const config = { ...simulatedWorld(), ...changes };
  cloud = createSimulatedCloud(config, { clock, fabric: noFabric, log, newRequestId });
  await cloud.control.addInstance({
    instanceId,
    name: "node-1",
    instanceType: "S5.MEDIUM4",
    zone: "ap-sim-1",
    subnetId: "subnet-node0001",
    privateIp: "10.0.1.11",
  });
}

beforeEach(() => begin());

function call(action: string, body: object = {}, product = "vpc"): Promise<ApiOutcome> {
  return cloud.api.call({ product, action, body, caller: callerOf(credential) });
}

/** The fields of an answer; an error where there is none. */
async function answer<T = Record<string, unknown>>(action: string, body: object = {}): Promise<T> {
  const outcome = await call(action, body);
  if (!("answer" in outcome)) throw new Error(`${action}: ${JSON.stringify(outcome)}`);
  return outcome.answer as T;
}

/** The code of a refusal, how an answer was lost, or undefined where there is one. */
async function codeOf(outcome: Promise<ApiOutcome>): Promise<string | undefined> {
  const it = await outcome;
  if ("lost" in it) return `lost ${it.lost} (${it.manner})`;
  return "refused" in it ? it.refused.code : undefined;
}

async function createEni(extra: object = {}): Promise<string> {
  const { NetworkInterface } = await answer<{ NetworkInterface: { NetworkInterfaceId: string } }>(
    "CreateNetworkInterface",
    { ...eniParameters, ...extra },
  );
  return NetworkInterface.NetworkInterfaceId;
}

interface Shown {
  readonly NetworkInterfaceId: string;
  readonly State: string;
  readonly Attachment: object | null;
  readonly PrivateIpAddressSet: readonly { readonly PrivateIpAddress: string }[];
}

async function shownEnis(): Promise<readonly Shown[]> {
  const filters = [{ Name: "is-primary", Values: ["false"] }];
  const { NetworkInterfaceSet } = await answer<{ NetworkInterfaceSet: Shown[] }>(
    "DescribeNetworkInterfaces",
    { Filters: filters },
  );
  return NetworkInterfaceSet;
}

async function freeAddresses(): Promise<number | undefined> {
  const { SubnetSet } = await answer<{ SubnetSet: { AvailableIpAddressCount: number }[] }>(
    "DescribeSubnets",
    { SubnetIds: [pods] },
  );
  return SubnetSet[0]?.AvailableIpAddressCount;
}

const fault = (actions: string[], effect: FaultWish["effect"], rest: Partial<FaultWish> = {}) =>
  cloud.control.addFault({ actions, effect, calls: 1, ...rest });

describe("who may call", () => {
  const as = (changes: Partial<Parameters<typeof callerOf>[0]>) =>
    codeOf(
      cloud.api.call({
        product: "vpc",
        action: "DescribeVpcs",
        body: {},
        caller: callerOf({ ...credential, ...changes }),
      }),
    );

  it("changes while the cloud runs: rotated, added, revoked, expired", async () => {
    expect(await as({})).toBeUndefined();
    await cloud.control.putCredential(credential.secretId, { secretKey: "rotated" });
    expect(await as({})).toBe("AuthFailure.SignatureFailure");
    expect(await as({ secretKey: "rotated" })).toBeUndefined();
    await cloud.control.removeCredential(credential.secretId);
    expect(await as({ secretKey: "rotated" })).toBe("AuthFailure.SecretIdNotFound");
    await cloud.control.putCredential("AKIDtemp", { secretKey: "k", token: "t", expiresAt: start + 50 });
    const temporary = { secretId: "AKIDtemp", secretKey: "k", token: "t" };
    expect(await as(temporary)).toBeUndefined();
    await clock.pass(50);
    expect(await as(temporary)).toBe("AuthFailure.TokenFailure");
  });

  it("is held against the cloud's clock, which can be wrong", async () => {
    await cloud.control.changeSettings({ clockSkewMs: 301_000 });
    expect(await as({ signedAt: start })).toBe("AuthFailure.SignatureExpire");
    expect(await as({ signedAt: start + 301_000 })).toBeUndefined();
    await cloud.control.changeSettings({ clockSkewMs: -301_000 });
    expect(await as({ signedAt: start })).toBe("AuthFailure.SignatureExpire");
  });

  it("needs a policy that has the action", async () => {
    await cloud.control.denyActions(credential.secretId, ["DescribeVpcs"]);
    expect(await as({})).toBe("UnauthorizedOperation");
    expect(await codeOf(call("DescribeSubnets"))).toBeUndefined();
    await cloud.control.denyActions(credential.secretId, []);
    expect(await as({})).toBeUndefined();
  });
});

describe("what is let in", () => {
  it("is limited by action within any 1000 ms, and counted", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 25 }, () => codeOf(call("DescribeVpcLimits", { LimitTypes: ["vpc-max-enis"] }))),
    );
    expect(outcomes.filter((it) => it === undefined)).toHaveLength(20);
    expect(outcomes.slice(20)).toEqual(Array(5).fill("RequestLimitExceeded"));
    await clock.pass(999);
    expect(await codeOf(call("DescribeVpcLimits", { LimitTypes: ["vpc-max-enis"] }))).toBe(
      "RequestLimitExceeded",
    );
    await clock.pass(1);
    expect(await codeOf(call("DescribeVpcLimits", { LimitTypes: ["vpc-max-enis"] }))).toBeUndefined();
    const counted = { calls: 27, errors: { RequestLimitExceeded: 6 }, busiestSecond: 20 };
    expect(await cloud.control.readCalls()).toEqual({ DescribeVpcLimits: counted });
    expect(await cloud.control.readProductCalls()).toEqual({ vpc: counted });
  });

  it("is limited otherwise where that is set, then or at the start", async () => {
    await cloud.control.changeSettings({ rateLimits: { default: 1 } });
    expect(await codeOf(call("DescribeVpcs"))).toBeUndefined();
    expect(await codeOf(call("DescribeVpcs"))).toBe("RequestLimitExceeded");
    await cloud.control.changeSettings({ rateLimits: false });
    expect(await codeOf(call("DescribeVpcs"))).toBeUndefined();
    await begin({ rateLimits: { actions: { DescribeVpcs: 1 } } });
    await call("DescribeVpcs");
    expect(await codeOf(call("DescribeVpcs"))).toBe("RequestLimitExceeded");
  });
});

describe("quotas", () => {
  it("of a VPC are shown, changed, and held", async () => {
    const limits = () => answer("DescribeVpcLimits", { LimitTypes: ["vpc-max-enis", "eni-max-private-ips"] });
    expect(await limits()).toMatchObject({
      VpcLimitSet: [
        { LimitType: "vpc-max-enis", LimitValue: 1000 },
        { LimitType: "eni-max-private-ips", LimitValue: 40 },
      ],
    });
    await cloud.control.changeSettings({ vpcMaxEnis: 0 });
    expect(await limits()).toMatchObject({ VpcLimitSet: [{ LimitValue: 0 }, {}] });
    const refused = await call("CreateNetworkInterface", eniParameters);
    expect(refused).toMatchObject({
      refused: { code: "LimitExceeded", message: expect.stringContaining("vpc-sim00001") },
    });
    expect(await codeOf(call("DescribeVpcLimits", { LimitTypes: ["x"] }))).toBe("InvalidParameterValue");
  });

  it("of a machine follow a change", async () => {
    const limit = () => answer("DescribeNetworkInterfaceLimit", { InstanceId: instanceId });
    expect(await limit()).toMatchObject({ EniQuantity: 4, EniPrivateIpAddressQuantity: 10 });
    await cloud.control.changeQuota(instanceId, { eniQuota: 5 });
    expect(await limit()).toMatchObject({ EniQuantity: 5, EniPrivateIpAddressQuantity: 10 });
    await cloud.control.resizeInstance(instanceId, "S5.4XLARGE32");
    expect(await limit()).toMatchObject({ EniQuantity: 8, EniPrivateIpAddressQuantity: 40 });
  });
});

describe("faults", () => {
  it("refuse what they are told to, and nothing has happened", async () => {
    await fault(["CreateNetworkInterface"], { kind: "refuse", code: "OperationDenied.MutexTaskRunning" });
    expect(await codeOf(call("CreateNetworkInterface", eniParameters))).toBe(
      "OperationDenied.MutexTaskRunning",
    );
    expect(await shownEnis()).toEqual([]);
    expect(await codeOf(call("CreateNetworkInterface", eniParameters))).toBeUndefined();
    expect(await cloud.control.readFaults()).toEqual([]);
  });

  it("lose requests, which are not done then", async () => {
    await fault(["CreateNetworkInterface"], { kind: "loseRequest", manner: "hang" });
    expect(await codeOf(call("CreateNetworkInterface", eniParameters))).toBe("lost request (hang)");
    expect(await shownEnis()).toEqual([]);
  });

  it("lose answers to what is done", async () => {
    await fault(["CreateNetworkInterface"], { kind: "loseAnswer" });
    expect(await codeOf(call("CreateNetworkInterface", eniParameters))).toBe("lost answer (close)");
    expect(await shownEnis()).toHaveLength(1);
    expect((await cloud.control.readCalls())["CreateNetworkInterface"]).toEqual({
      calls: 1,
      errors: { "lost answer": 1 },
      busiestSecond: 1,
    });
  });

  it("delay requests and answers", async () => {
    await fault(["CreateNetworkInterface"], { kind: "delayRequest", ms: 400 });
    await fault(["CreateNetworkInterface"], { kind: "delayAnswer", ms: 600 });
    let answered = false;
    const late = call("CreateNetworkInterface", eniParameters).then(() => {
      answered = true;
    });
    await clock.pass(399);
    expect(cloud.simulator.state.enis.size).toBe(1);
    await clock.pass(1);
    expect(cloud.simulator.state.enis.size).toBe(2);
    await clock.pass(599);
    expect(answered).toBe(false);
    await clock.pass(1);
    await late;
  });

  it("have tasks fail, and stall until they are released", async () => {
    const eniId = await createEni();
    await clock.pass(300);
    await fault(["AttachNetworkInterface"], { kind: "failTask", output: "No room." });
    const attach = { NetworkInterfaceId: eniId, InstanceId: instanceId };
    const { RequestId } = await answer("AttachNetworkInterface", attach);
    await clock.pass(300);
    expect(await answer("DescribeVpcTaskResult", { TaskId: RequestId })).toMatchObject({
      Status: "FAILED",
      Output: "No room.",
      Result: [{ ResourceId: eniId, Status: "FAILED" }],
    });
    expect(await shownEnis()).toMatchObject([{ State: "AVAILABLE", Attachment: null }]);

    await fault(["AttachNetworkInterface"], { kind: "stallTask" });
    await call("AttachNetworkInterface", attach);
    await clock.pass(100_000);
    expect(await shownEnis()).toMatchObject([{ State: "ATTACHING" }]);
    const [task] = await cloud.control.readTasks();
    expect(task).toMatchObject({ eniId, kind: "attach", due: null });
    await cloud.control.releaseTask(task?.taskId ?? "");
    await clock.pass(0);
    expect(await shownEnis()).toMatchObject([{ State: "AVAILABLE", Attachment: { InstanceId: instanceId } }]);

    await fault(["DetachNetworkInterface"], { kind: "stallTask" });
    await call("DetachNetworkInterface", attach);
    await cloud.control.releaseStalledTasks();
    await clock.pass(0);
    expect(await cloud.control.readTasks()).toEqual([]);
    expect(await shownEnis()).toMatchObject([{ State: "AVAILABLE", Attachment: null }]);
  });

  it("let an outsider take addresses between two readings", async () => {
    await fault(["DescribeSubnets"], { kind: "takeAddresses", subnetId: pods, count: 250 });
    const readings = await Promise.all([freeAddresses(), freeAddresses()]);
    expect(readings).toEqual([253, 3]);
    expect(
      await codeOf(call("CreateNetworkInterface", { ...eniParameters, SecondaryPrivateIpAddressCount: 3 })),
    ).toBe("ResourceInsufficient.Subnet");
    await fault(["DescribeSubnets"], { kind: "takeAddresses", subnetId: pods, count: 250 });
    expect([await freeAddresses(), await freeAddresses()]).toEqual([3, 0]);
    await cloud.control.giveBackAddresses(pods, { count: 200 });
    expect(await freeAddresses()).toBe(200);
    await expect(
      fault(["DescribeSubnets"], { kind: "takeAddresses", subnetId: "subnet-none0000", count: 1 }),
    ).rejects.toMatchObject({ code: "ResourceNotFound" });
  });

  it("make an outage of the region, which ends by itself", async () => {
    await cloud.control.addFault({ actions: ["*"], forMs: 60_000, effect: { kind: "loseRequest" } });
    const asked = () =>
      Promise.all([codeOf(call("DescribeVpcs")), codeOf(call("DescribeInstances", {}, "cvm"))]);
    expect(await asked()).toEqual(["lost request (close)", "lost request (close)"]);
    await clock.pass(59_999);
    expect(await asked()).toEqual(["lost request (close)", "lost request (close)"]);
    await clock.pass(1);
    expect(await asked()).toEqual([undefined, undefined]);
  });

  it("are listed with what they have done, and end when they are taken away", async () => {
    const { id } = await cloud.control.addFault({
      actions: ["DescribeVpcs"],
      effect: { kind: "refuse", code: "InternalError" },
    });
    await fault(["DescribeSubnets"], { kind: "loseAnswer" }, { calls: 3 });
    await call("DescribeVpcs");
    expect(await cloud.control.readFaults()).toMatchObject([
      { id, struck: 1, probability: 1 },
      { struck: 0, left: 3 },
    ]);
    await cloud.control.removeFault(id);
    expect(await codeOf(call("DescribeVpcs"))).toBeUndefined();
    await cloud.control.clearFaults();
    expect(await codeOf(call("DescribeSubnets"))).toBeUndefined();
  });
});

describe("Describe actions that lag", () => {
  it("show everything as it was then, while acts are done to what is", async () => {
    await cloud.control.changeSettings({ describeLag: { ms: 1000 } });
    const eniId = await createEni();
    expect(await shownEnis()).toEqual([]);
    expect(await codeOf(call("DescribeNetworkInterfaces", { NetworkInterfaceIds: [eniId] }))).toBe(
      "ResourceNotFound",
    );
    await clock.pass(400);
    await call("AssignPrivateIpAddresses", { NetworkInterfaceId: eniId, SecondaryPrivateIpAddressCount: 1 });
    await clock.pass(599);
    expect(await shownEnis()).toEqual([]);
    await clock.pass(1);
    expect(await shownEnis()).toMatchObject([{ State: "PENDING", PrivateIpAddressSet: [{}] }]);
    await clock.pass(300);
    expect(await shownEnis()).toMatchObject([{ State: "AVAILABLE", PrivateIpAddressSet: [{}] }]);
    await clock.pass(100);
    expect((await shownEnis())[0]?.PrivateIpAddressSet).toHaveLength(2);
    expect(await freeAddresses()).toBe(251);
    await cloud.control.changeSettings({ describeLag: { ms: 0 } });
    await call("DeleteNetworkInterface", { NetworkInterfaceId: eniId });
    await clock.pass(300);
    expect(await shownEnis()).toEqual([]);
  });

  it("show, where the lag varies, some a change and some not, until it is over", async () => {
    await begin({ describeLag: { ms: 1000, varies: true } });
    await createEni();
    await clock.pass(500);
    const counts = [];
    for (let i = 0; i < 40; i++) counts.push((await shownEnis()).length);
    expect(new Set(counts)).toEqual(new Set([0, 1]));
    await clock.pass(500);
    for (let i = 0; i < 40; i++) expect(await shownEnis()).toHaveLength(1);
  });
});

describe("SimulatedApi", () => {
  it("is cheap where a VPC is great: 2000 interfaces of 29 addresses on 1000 machines", async () => {
    const subnet = (subnetId: string, cidr: string) => {
      return { subnetId, vpcId: "vpc-sim00001", name: "great", zone: "ap-sim-1", cidr };
    };
    await begin({
      vpcs: [{ vpcId: "vpc-sim00001", name: "great", cidr: "10.0.0.0/8" }],
      subnets: [subnet("subnet-node0001", "10.0.0.0/16"), subnet(pods, "10.2.0.0/16")],
      vpcMaxEnis: 2000,
    });
    const before = process.cpuUsage();
    const ids = Array.from({ length: 1000 }, (_, i) => `ins-${String(i).padStart(8, "0")}`);
    for (const [i, id] of ids.entries()) {
      await cloud.control.addInstance({
        instanceId: id,
        name: id,
        instanceType: "S5.3XLARGE24",
        zone: "ap-sim-1",
        subnetId: "subnet-node0001",
        privateIp: `10.0.${2 + Math.floor(i / 250)}.${i % 250}`,
      });
    }
    for (const [i, id] of [...ids, ...ids].entries()) {
      const request = { ...eniParameters, InstanceId: id, SecondaryPrivateIpAddressCount: 28 };
      await answer("CreateAndAttachNetworkInterface", request);
      if (i % 20 === 19) {
        await shownEnis();
        await clock.pass(1000);
      }
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(10);
    const [shown] = [...cloud.simulator.state.subnets.values()].slice(1);
    expect(shown?.taken.size).toBe(58_000);
    expect((await cloud.control.readCalls())["CreateAndAttachNetworkInterface"]).toEqual({
      calls: 2000,
      errors: {},
      busiestSecond: 20,
    });
  });

  it("does the same again from the same seed, faults and all", async () => {
    const play = async () => {
      await begin();
      await cloud.control.addFault({ actions: ["*"], probability: 0.5, effect: { kind: "loseAnswer" } });
      const seen: unknown[] = [];
      for (let i = 0; i < 30; i++) {
        seen.push(await call("CreateNetworkInterface", eniParameters));
        await clock.pass(50);
      }
      return JSON.stringify([seen, [...cloud.simulator.state.enis]]);
    };
    expect(await play()).toBe(await play());
  });

  it("answers with the wire's fields, and takes the wire's text", async () => {
    const outcome = await cloud.api.call({
      product: "vpc",
      action: "DescribeVpcs",
      body: '{"Limit":"1"}',
      caller: callerOf(credential),
    });
    expect(outcome).toMatchObject({
      requestId: "request-1",
      answer: { TotalCount: 1, RequestId: "request-1", VpcSet: [{ VpcId: "vpc-sim00001" }] },
    });
  });
});
