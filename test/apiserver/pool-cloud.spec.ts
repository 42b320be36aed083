// A cloud that refuses, forgets, lags and fails: whatever it does, a node ends with exactly what it needs, and people are told what
// stands in the way. The real ipamd against a real API server and vpc-sim; its pauses pass twelve times as fast.
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { VpcENI } from "../../src/api/vpc-eni.ts";
import type { FaultEffect, FaultWish } from "../../src/sim/admission/fault.ts";
import {
  conditionOf,
  necs,
  type Pool,
  podSubnet,
  startPool,
  throughout,
  until,
  vips,
  vsubs,
} from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

let pool: Pool;

beforeAll(async () => {
  pool = await startPool({ factor: 12, subnets: [podSubnet("subnet-large001", "10.0.32.0/22")] });
  await pool.restart();
}, 300_000);

afterAll(async () => {
  await pool?.stop();
}, 60_000);

afterEach(async () => {
  await pool.control.clearFaults();
  await pool.control.releaseStalledTasks();
  await pool.control.denyActions(pool.credential.secretId, []);
  await pool.control.changeSettings({ clockSkewMs: 0, describeLag: { ms: 0, varies: false } });
});

/** Has the next call of an action meet an effect, or so many. */
async function strike(action: string, effect: FaultWish["effect"], calls = 1): Promise<void> {
  await pool.control.addFault({ actions: [action], effect, calls });
}

const lost = { kind: "loseAnswer" } as const;

/** The secondary addresses of a machine's ENIs in the cloud, once nothing is under way there. */
async function settled(instanceId: string, node: string): Promise<{ enis: number; addresses: number }> {
  await until("no task", async () => (await pool.control.readTasks()).length === 0);
  const enis = (await pool.cloudEnis()).filter(
    (eni) => eni.instanceId === instanceId || eni.tags["tke-eni/node"] === node,
  );
  return {
    enis: enis.length,
    addresses: enis.reduce((sum, eni) => sum + eni.addresses.length - 1, 0),
  };
}

/** What the VpcSubnets say of the way to the cloud. */
async function untilAccess(reason: string, deadlineMs?: number) {
  return until(
    `CloudAccess ${reason}`,
    async () => {
      const conditions = (await pool.kube.list(vsubs)).items.map((it) => conditionOf(it, "CloudAccess"));
      return conditions.length > 0 && conditions.every((it) => it?.reason === reason) && conditions[0];
    },
    deadlineMs,
  );
}

describe("the way to the cloud", () => {
  test("a rejected credential has conditions of its own, and a new one is taken without a restart", async () => {
    const { secretId, secretKey } = pool.credential;
    await untilAccess("Well");
    await pool.control.removeCredential(secretId);
    await pool.addNode("locked-out");
    const nec = await pool.untilReason("locked-out", "CredentialRejected");
    expect(nec.status).toBe("False");
    expect(nec.message).toContain("put a valid credential in place");
    const access = await untilAccess("CredentialRejected");
    expect(access).toMatchObject({ status: "False" });
    expect(access?.message).toContain("the cloud's credential is not accepted");
    await pool.control.putCredential("AKIDrotated00", { secretKey: "another-key" });
    pool.credential = { secretId: "AKIDrotated00", secretKey: "another-key" };
    await pool.untilAddresses("locked-out", 3);
    expect(await untilAccess("Well")).toMatchObject({ status: "True" });

    pool.credential = { secretId: "AKIDrotated00", secretKey: "mistyped" };
    await untilAccess("CredentialRejected");
    await pool.control.putCredential(secretId, { secretKey });
    pool.credential = { secretId, secretKey };
    await untilAccess("Well");
  });

  test("a leader that starts with a wrong credential says so on nodes and subnets, and begins when it has another", async () => {
    const right = pool.credential;
    await pool.stopIpamd();
    pool.credential = { ...right, secretKey: "mistyped" };
    await pool.addNode("unlucky");
    await pool.restart();
    const nec = await pool.untilReason("unlucky", "CredentialRejected");
    expect(nec.status).toBe("False");
    await untilAccess("CredentialRejected");
    pool.credential = right;
    await pool.untilAddresses("unlucky", 3);
    await untilAccess("Well");
  });

  test("a clock that is wrong is told apart from a wrong credential", async () => {
    await pool.control.changeSettings({ clockSkewMs: 400_000 });
    await pool.addNode("late");
    await pool.untilReason("late", "ClockSkew");
    expect((await untilAccess("ClockSkew"))?.message).toContain(
      "set the clock of the machine that ipamd runs on",
    );
    await pool.control.changeSettings({ clockSkewMs: 0 });
    await pool.untilAddresses("late", 3);
    await untilAccess("Well");
  });

  test("an action that the policy lacks is named, and everything else goes on", async () => {
    await pool.addNode("denied");
    await pool.untilAddresses("denied", 3);
    await pool.control.denyActions(pool.credential.secretId, ["AssignPrivateIpAddresses"]);
    await pool.addPods("denied", 4);
    const nec = await pool.untilReason("denied", "NotAuthorised");
    expect(nec.message).toContain("AssignPrivateIpAddresses");
    expect(nec.message).toContain("add the action to the policy of ipamd's user or role");
    await until(
      "a node that is short of addresses",
      async () => (await pool.readyOf("denied"))?.status === "False",
    );
    const access = await untilAccess("NotAuthorised");
    expect(access?.message).toContain("may not do vpc:AssignPrivateIpAddresses");
    await pool.addNode("allowed");
    await pool.untilAddresses("allowed", 3);
    await pool.control.denyActions(pool.credential.secretId, []);
    await pool.untilAddresses("denied", 7);
    await pool.untilReason("denied", "Serving");
    await untilAccess("Well");
  });

  test("a region that is down is told, is hardly asked, and is taken up again when it answers", async () => {
    await pool.control.addFault({ actions: ["*"], effect: { kind: "loseRequest" } });
    await pool.addNode("dark");
    const access = await untilAccess("RegionDown");
    expect(access).toMatchObject({ status: "False" });
    await Bun.sleep(2000);
    await pool.control.resetCalls();
    await Bun.sleep(2000);
    // Twenty-four seconds of ipamd's, as long after the first failure: a probe or two of each product.
    const lostCalls = Object.values(await pool.control.readProductCalls()).map(({ calls }) => calls);
    expect(lostCalls.reduce((sum, calls) => sum + calls, 0)).toBeLessThan(15);
    await pool.control.clearFaults();
    await pool.untilAddresses("dark", 3, 30_000);
    await untilAccess("Well");
  });

  test("an ENI is made in two calls where making and attaching in one is throttled", async () => {
    await pool.control.addFault({
      actions: ["CreateAndAttachNetworkInterface"],
      effect: { kind: "refuse", code: "RequestLimitExceeded" },
    });
    const { instanceId } = await pool.addNode("two-calls");
    await pool.untilAddresses("two-calls", 3);
    expect(await settled(instanceId, "two-calls")).toEqual({ enis: 1, addresses: 3 });
  });

  test.each([
    ["throttled", "RequestLimitExceeded"],
    ["refused for another task", "UnsupportedOperation.MutexOperationTaskRunning"],
    ["failing inside", "InternalError"],
  ])("calls that are %s are made again, and no more than that", async (_, code) => {
    const node = pool.unique("again-");
    const refuse = { kind: "refuse", code } as const;
    for (const action of ["CreateAndAttachNetworkInterface", "AssignPrivateIpAddresses"])
      await strike(action, refuse, 2);
    const { instanceId } = await pool.addNode(node);
    await pool.untilAddresses(node, 3);
    await pool.addPods(node, 2);
    await pool.untilAddresses(node, 5);
    expect(await settled(instanceId, node)).toEqual({ enis: 1, addresses: 5 });
  });
});

describe("answers that are lost, and tasks that come to nothing", () => {
  const makings: [string, string, FaultEffect][] = [
    ["the answer to making an ENI is lost", "CreateAndAttachNetworkInterface", lost as FaultEffect],
    [
      "the request to make an ENI is lost",
      "CreateAndAttachNetworkInterface",
      { kind: "loseRequest", manner: "close" },
    ],
    [
      "making an ENI fails later",
      "CreateAndAttachNetworkInterface",
      { kind: "failTask", output: "no", at: "create" },
    ],
    [
      "attaching a new ENI fails later",
      "CreateAndAttachNetworkInterface",
      { kind: "failTask", output: "no", at: "attach" },
    ],
  ];
  test.each(makings)("one ENI comes of it when %s", async (_, action, effect) => {
    const node = pool.unique("making-");
    const instanceId = await pool.addMachine(node);
    await strike(action, effect);
    await pool.registerNode(node, instanceId);
    await pool.untilAddresses(node, 3, 30_000);
    await pool.untilReason(node, "Serving");
    expect(await settled(instanceId, node)).toEqual({ enis: 1, addresses: 3 });
    expect((await pool.kube.get(necs, node)).status?.creating).toBeUndefined();
  });

  test.each([
    ["the answer is lost", lost],
    ["it fails later", { kind: "failTask" }],
  ] as const)("an attachment is begun again when %s", async (_, effect) => {
    const node = pool.unique("attaching-");
    await strike("CreateAndAttachNetworkInterface", { kind: "failTask", at: "attach" });
    await strike("AttachNetworkInterface", effect);
    const { instanceId } = await pool.addNode(node);
    await pool.untilAddresses(node, 3, 30_000);
    expect(await settled(instanceId, node)).toEqual({ enis: 1, addresses: 3 });
  });

  test.each([
    ["the answer is lost", lost],
    ["the request is lost", { kind: "loseRequest" }],
    ["it fails later", { kind: "failTask" }],
    ["it takes long", { kind: "stallTask", ms: 1500 }],
  ] as const)("assigning addresses ends with as many as are needed when %s", async (_, effect) => {
    const node = pool.unique("assigning-");
    const { instanceId } = await pool.addNode(node);
    await pool.untilAddresses(node, 3);
    await strike("AssignPrivateIpAddresses", effect);
    await pool.addPods(node, 4);
    await pool.untilAddresses(node, 7);
    await pool.untilReason(node, "Serving");
    expect(await settled(instanceId, node)).toEqual({ enis: 1, addresses: 7 });
  });

  test.each([
    ["the answer is lost", lost],
    ["the request is lost", { kind: "loseRequest" }],
    ["it fails later", { kind: "failTask" }],
  ] as const)("an address goes, once it was agreed, when %s", async (_, effect) => {
    const node = pool.unique("unassigning-");
    const { instanceId } = await pool.addNode(node);
    pool.agentOf(node);
    const [vip] = await pool.untilAddresses(node, 3);
    const { name = "", uid } = vip?.metadata ?? {};
    await strike("UnassignPrivateIpAddresses", effect);
    await pool.kube.delete(vips, name);
    await until("its end", async () => (await pool.kube.find(vips, name))?.metadata.uid !== uid);
    await pool.untilAddresses(node, 3);
    const now = await settled(instanceId, node);
    // The simulated cloud gives the lowest address out again, which then stays unused for a while.
    expect(now.enis).toBe(1);
    expect([3, 4]).toContain(now.addresses);
  });

  const removals = ["DetachNetworkInterface", "DeleteNetworkInterface"].flatMap((action) => [
    [action, "the answer is lost", lost] as const,
    [action, "the request is lost", { kind: "loseRequest" } as const] as const,
    [action, "it fails later", { kind: "failTask" } as const] as const,
    [action, "it is throttled", { kind: "refuse", code: "RequestLimitExceeded" } as const] as const,
  ]);
  test.each(removals)("%s: an ENI goes with its Node when %s", async (action, _, effect) => {
    const node = pool.unique("leaving-");
    const { instanceId } = await pool.addNode(node);
    pool.agentOf(node);
    await pool.untilAddresses(node, 3);
    await strike(action, effect);
    await pool.removeNode(node);
    expect(await settled(instanceId, node)).toEqual({ enis: 0, addresses: 0 });
    expect(await pool.enisOf(node)).toEqual([]);
    expect(await pool.addressesOf(node)).toEqual([]);
  });

  test("nothing is made in place of what takes long: it is waited for", async () => {
    await strike("CreateAndAttachNetworkInterface", { kind: "stallTask" });
    const { instanceId } = await pool.addNode("stalled");
    await pool.addPods("stalled", 2);
    await until("an ENI on its way", async () => (await settledNot("stalled")).length === 1);
    await throughout(2500, "one ENI", async () => (await settledNot("stalled")).length === 1);
    await pool.untilReason("stalled", "Attaching");
    expect((await pool.readyOf("stalled"))?.status).toBe("False");
    await pool.control.releaseStalledTasks();
    await pool.untilAddresses("stalled", 5);
    expect(await settled(instanceId, "stalled")).toEqual({ enis: 1, addresses: 5 });
  });

  const settledNot = async (node: string) =>
    (await pool.cloudEnis()).filter((eni) => eni.tags["tke-eni/node"] === node);
});

describe("readings that show what was", () => {
  test("nothing is made, assigned or taken twice while they lag by up to three seconds of ipamd's time", async () => {
    await pool.control.changeSettings({ describeLag: { ms: 250, varies: true } });
    await pool.control.resetCalls();
    const { instanceId } = await pool.addNode("lagging");
    const agent = pool.agentOf("lagging");
    await pool.untilAddresses("lagging", 3);
    await pool.addPods("lagging", 4);
    await pool.untilAddresses("lagging", 7);
    await pool.addPods("lagging", 6);
    await pool.untilAddresses("lagging", 13);
    expect(await settled(instanceId, "lagging")).toEqual({ enis: 2, addresses: 13 });
    const calls = await pool.control.readCalls();
    expect(calls["CreateAndAttachNetworkInterface"]?.calls).toBe(2);
    expect(calls["CreateNetworkInterface"]).toBeUndefined();
    expect(agent.held.size).toBe(0);
    await pool.removeNode("lagging");
    expect(await settled(instanceId, "lagging")).toEqual({ enis: 0, addresses: 0 });
    const after = await pool.control.readCalls();
    // A reading from before may lead to another call, which the cloud refuses.
    expect(acceptedOf(after["DetachNetworkInterface"])).toBe(2);
    expect(acceptedOf(after["DeleteNetworkInterface"])).toBe(2);
    await pool.control.changeSettings({ describeLag: { ms: 0, varies: false } });
  });
});

describe("subnets that run out", () => {
  test("another subnet of the zone gives what an outsider took from the first", async () => {
    await pool.configure({
      TKE_ENI_IPAMD_VPC_ID: "vpc-sim00001",
      TKE_ENI_IPAMD_SUBNET_ID: "subnet-large001:subnet-pods0001:subnet-pods0002",
    });
    await until(
      "the large subnet",
      async () => (await pool.kube.find(vsubs, "subnet-large001")) !== undefined,
    );
    const { subnets } = await pool.control.readState();
    const count = subnets.find((it) => it.subnetId === "subnet-large001")?.available ?? 0;
    const { addresses } = await pool.control.takeAddresses("subnet-large001", { count });
    const { instanceId } = await pool.addNode("second-choice");
    await pool.untilAddresses("second-choice", 3);
    expect((await pool.enisOf("second-choice")).map((veni: VpcENI) => veni.spec.subnetID)).toEqual([
      "subnet-pods0001",
    ]);
    expect(await settled(instanceId, "second-choice")).toEqual({ enis: 1, addresses: 3 });
    await pool.control.giveBackAddresses("subnet-large001", { addresses });
  });

  test("a zone whose subnets are full is told, and served again when there is room", async () => {
    await pool.addNode("dry", { zone: 2 });
    await pool.untilAddresses("dry", 3);
    const { subnets } = await pool.control.readState();
    const count = subnets.find((it) => it.subnetId === "subnet-pods0002")?.available ?? 0;
    const { addresses } = await pool.control.takeAddresses("subnet-pods0002", { count });
    await pool.addPods("dry", 5);
    const nec = await pool.untilReason("dry", "SubnetFull");
    expect(nec.message).toContain("add a subnet");
    await until(
      "a node that is short of addresses",
      async () => (await pool.readyOf("dry"))?.status === "False",
    );
    await pool.untilEvent("dry", "SubnetFull");
    expect((await pool.enisOf("dry")).length).toBe(1);
    await pool.control.giveBackAddresses("subnet-pods0002", { addresses });
    await pool.untilAddresses("dry", 8);
    await pool.untilReason("dry", "Serving");
    // What the cloud answered, and then what ipamd knew by itself.
    expect((await pool.eventsOf("dry", "SubnetFull")).length).toBeLessThanOrEqual(2);
  });
});

function acceptedOf(calls: { calls: number; errors: Readonly<Record<string, number>> } | undefined): number {
  const refused = Object.values(calls?.errors ?? {}).reduce((sum, count) => sum + count, 0);
  return (calls?.calls ?? 0) - refused;
}
