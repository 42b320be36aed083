import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { Client as CvmClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client.js";
import { Client as TagClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813/tag_client.js";
import { Client as VpcClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_client.js";
import type { NetworkInterface } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
import { type SimConfig, simulatedWorld } from "../config.ts";
import { noFabric } from "../fabric/fabric.ts";
import { systemClock } from "../simulator.ts";
import { createTencentApp } from "./app.ts";
import { createSimulatedCloud, type SimulatedCloud } from "./simulated-cloud.ts";

const vpcId = "vpc-sim00001";
const subnetId = "subnet-pods0001";
const instanceId = "ins-node0001";
const quiet = { debug() {}, info() {}, warn() {} };

// It asks for tasks as fast as it can, which the real limits do not allow.
const world: SimConfig = {
  ...simulatedWorld(),
  latency: { default: 5, actions: {} },
  rateLimits: false,
};
let cloud: SimulatedCloud;
let server: ReturnType<typeof Bun.serve>;

beforeAll(async () => {
  cloud = createSimulatedCloud(world, {
    clock: systemClock,
    fabric: noFabric,
    log: quiet,
    newRequestId: () => crypto.randomUUID(),
  });
  await cloud.control.addInstance({
    instanceId,
    name: "node-1",
    instanceType: "S5.MEDIUM4",
    zone: "ap-sim-1",
    subnetId: "subnet-node0001",
    privateIp: "10.0.1.11",
  });
  const app = createTencentApp({ api: cloud.api, closing: new AbortController().signal });
  server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
});

afterAll(async () => {
  await server.stop(true);
  await cloud.simulator.close();
});

function clientOptions(
  changes: { secretId?: string; secretKey?: string; token?: string; region?: string } = {},
) {
  const [credential] = world.credentials;
  return {
    credential: { secretId: credential?.secretId ?? "", secretKey: credential?.secretKey ?? "", ...changes },
    region: changes.region ?? world.region,
    profile: { httpProfile: { endpoint: `127.0.0.1:${server.port}`, protocol: "http://" } },
  };
}

const vpc = () => new VpcClient(clientOptions());

async function describeEni(id: string | undefined): Promise<NetworkInterface> {
  const { NetworkInterfaceSet } = await vpc().DescribeNetworkInterfaces({ NetworkInterfaceIds: [id ?? ""] });
  return NetworkInterfaceSet?.[0] ?? {};
}

async function finished(taskId: string | undefined): Promise<string | undefined> {
  const deadline = Date.now() + 2000;
  for (;;) {
    const { Status } = await vpc().DescribeVpcTaskResult({ TaskId: taskId ?? "" });
    if (Status !== "RUNNING" || Date.now() > deadline) {
      return Status;
    }
    await Bun.sleep(2);
  }
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe("the SDK for Node.js, unchanged", () => {
  it("reads VPCs and subnets", async () => {
    const vpcs = await vpc().DescribeVpcs({ VpcIds: [vpcId] });
    expect(vpcs.VpcSet?.map((it) => [it.VpcId, it.CidrBlock])).toEqual([[vpcId, "10.0.0.0/16"]]);

    const filters = [{ Name: "zone", Values: ["ap-sim-2"] }];
    const subnets = await vpc().DescribeSubnets({ Filters: filters, Offset: "1", Limit: "1" });
    expect(subnets.TotalCount).toBe(2);
    expect(
      subnets.SubnetSet?.map((it) => [it.SubnetId, it.TotalIpAddressCount, it.AvailableIpAddressCount]),
    ).toEqual([["subnet-pods0002", 253, 253]]);
  });

  it("reads machines and their quotas", async () => {
    const cvm = new CvmClient(clientOptions());
    const found = await cvm.DescribeInstances({
      Filters: [{ Name: "private-ip-address", Values: ["10.0.1.11"] }],
    });
    expect(found.InstanceSet?.map((it) => [it.InstanceId, it.Placement?.Zone, it.InstanceState])).toEqual([
      [instanceId, "ap-sim-1", "RUNNING"],
    ]);
    const limit = await vpc().DescribeNetworkInterfaceLimit({ InstanceId: instanceId });
    expect([limit.EniQuantity, limit.EniPrivateIpAddressQuantity]).toEqual([4, 10]);
  });

  it("takes a network interface through its whole life", async () => {
    const created = await vpc().CreateNetworkInterface({
      VpcId: vpcId,
      SubnetId: subnetId,
      NetworkInterfaceName: "tke-eni-1",
      SecondaryPrivateIpAddressCount: 2,
      Tags: [{ Key: "tke-eni/nonce", Value: "n1" }],
    });
    const NetworkInterfaceId = created.NetworkInterface?.NetworkInterfaceId ?? "";
    expect(created.NetworkInterface?.State).toBe("PENDING");
    expect(await finished(created.RequestId)).toBe("SUCCESS");

    const attached = await vpc().AttachNetworkInterface({ NetworkInterfaceId, InstanceId: instanceId });
    expect((await describeEni(NetworkInterfaceId)).State).toBe("ATTACHING");
    expect(await finished(attached.RequestId)).toBe("SUCCESS");
    expect(await describeEni(NetworkInterfaceId)).toMatchObject({
      State: "AVAILABLE",
      Attachment: { InstanceId: instanceId, DeviceIndex: 1 },
    });

    const assigned = await vpc().AssignPrivateIpAddresses({
      NetworkInterfaceId,
      SecondaryPrivateIpAddressCount: 3,
    });
    expect(assigned.PrivateIpAddressSet?.map((it) => it.State)).toEqual(["PENDING", "PENDING", "PENDING"]);
    expect(await finished(assigned.RequestId)).toBe("SUCCESS");
    expect((await describeEni(NetworkInterfaceId)).PrivateIpAddressSet?.length).toBe(6);

    const leaving =
      assigned.PrivateIpAddressSet?.map((it) => ({ PrivateIpAddress: it.PrivateIpAddress ?? "" })) ?? [];
    const unassigned = await vpc().UnassignPrivateIpAddresses({
      NetworkInterfaceId,
      PrivateIpAddresses: leaving,
    });
    expect(await finished(unassigned.RequestId)).toBe("SUCCESS");

    const detached = await vpc().DetachNetworkInterface({ NetworkInterfaceId, InstanceId: instanceId });
    expect(await finished(detached.RequestId)).toBe("SUCCESS");
    expect((await describeEni(NetworkInterfaceId)).Attachment ?? null).toBeNull();

    const deleted = await vpc().DeleteNetworkInterface({ NetworkInterfaceId });
    expect(await finished(deleted.RequestId)).toBe("SUCCESS");
    expect(await codeOf(describeEni(NetworkInterfaceId))).toBe("ResourceNotFound");
  });

  it("creates and attaches in one call, and finds by filters and tags", async () => {
    const created = await vpc().CreateAndAttachNetworkInterface({
      VpcId: vpcId,
      SubnetId: subnetId,
      NetworkInterfaceName: "tke-eni-2",
      InstanceId: instanceId,
      SecurityGroupIds: ["sg-sim00001"],
      PrivateIpAddresses: [
        { PrivateIpAddress: "10.0.16.100", Primary: true },
        { PrivateIpAddress: "10.0.16.10" },
      ],
      Tags: [{ Key: "tke-eni/node", Value: "node-1" }],
    });
    const id = created.NetworkInterface?.NetworkInterfaceId ?? "";
    expect(await finished(created.RequestId)).toBe("SUCCESS");

    const tags = new TagClient(clientOptions());
    const resource = `qcs::vpc:${world.region}:uin/100000000001:eni/${id}`;
    await tags.ModifyResourceTags({ Resource: resource, ReplaceTags: [{ TagKey: "a", TagValue: "1" }] });
    await tags.TagResources({ ResourceList: [resource], Tags: [{ TagKey: "b", TagValue: "2" }] });
    await tags.UnTagResources({ ResourceList: [resource], TagKeys: ["a"] });
    const tagged = await tags.GetResources({ TagFilters: [{ TagKey: "b", TagValue: ["2"] }] });
    expect(tagged.ResourceTagMappingList?.map((it) => it.Resource)).toEqual([resource]);

    const filters: [string, string[], string[]][] = [
      ["attachment.instance-id", [instanceId], ["Primary ENI", "tke-eni-2"]],
      ["is-primary", ["FALSE"], ["tke-eni-2"]],
      ["eni-type", ["1"], ["Primary ENI"]],
      ["tag:tke-eni/node", ["node-1", "node-2"], ["tke-eni-2"]],
      ["tag-key", ["b"], ["tke-eni-2"]],
      ["tag-key", ["a"], []],
      ["network-interface-name", ["tke-eni-2"], ["tke-eni-2"]],
      ["address-ip", ["10.0.16.1"], ["tke-eni-2"]],
      ["address-ip", ["10.0.16.1", "10.0.16.2"], []],
      ["groups.security-group-id", ["sg-other001"], []],
      ["subnet-id", [subnetId], ["tke-eni-2"]],
      ["vpc-id", [vpcId], ["Primary ENI", "tke-eni-2"]],
      ["network-interface-id", [id], ["tke-eni-2"]],
      ["network-interface-id", [id, id, "eni-00000000"], ["tke-eni-2"]],
      ["eni-type", ["2"], []],
      ["eni-qos", ["DEFAULT"], ["Primary ENI", "tke-eni-2"]],
      ["public-address-ip", ["1.2.3.4"], []],
      ["termination-protection", ["true"], []],
    ];
    for (const [Name, Values, names] of filters) {
      const found = await vpc().DescribeNetworkInterfaces({ Filters: [{ Name, Values }] });
      expect([Name, found.NetworkInterfaceSet?.map((it) => it.NetworkInterfaceName)]).toEqual([Name, names]);
    }
    const exact = [
      { Name: "address-ip", Values: ["10.0.16.1"] },
      { Name: "ip-exact-match", Values: ["TRUE"] },
    ];
    expect((await vpc().DescribeNetworkInterfaces({ Filters: exact })).TotalCount).toBe(0);
  });

  it("assigns addresses by name, and moves one from an interface to another", async () => {
    const make = async (name: string) => {
      const wish = { VpcId: vpcId, SubnetId: subnetId, NetworkInterfaceName: name };
      const created = await vpc().CreateNetworkInterface(wish);
      expect(await finished(created.RequestId)).toBe("SUCCESS");
      return created.NetworkInterface?.NetworkInterfaceId ?? "";
    };
    const [from, to] = [await make("from"), await make("to")];
    const named = (...addresses: string[]) => addresses.map((PrivateIpAddress) => ({ PrivateIpAddress }));
    const assign = (NetworkInterfaceId: string, ...addresses: string[]) =>
      vpc().AssignPrivateIpAddresses({ NetworkInterfaceId, PrivateIpAddresses: named(...addresses) });
    const assigned = await assign(from, "10.0.16.77", "10.0.16.55");
    expect(assigned.PrivateIpAddressSet?.map((it) => it.PrivateIpAddress)).toEqual([
      "10.0.16.77",
      "10.0.16.55",
    ]);
    expect(await finished(assigned.RequestId)).toBe("SUCCESS");
    expect(await codeOf(assign(to, "10.0.16.66", "10.0.16.77"))).toBe("ResourceInUse");
    expect(await codeOf(assign(from, "10.0.16.77"))).toBe("ResourceInUse");
    expect(await codeOf(assign(to, "10.0.17.66"))).toBe("InvalidParameterValue.Range");

    const migrate = () =>
      vpc().MigratePrivateIpAddress({
        SourceNetworkInterfaceId: from,
        DestinationNetworkInterfaceId: to,
        PrivateIpAddress: "10.0.16.77",
      });
    const statesOf = async (id: string) =>
      (await describeEni(id)).PrivateIpAddressSet?.filter((it) => it.Primary !== true).map(
        (it) => `${it.PrivateIpAddress} ${it.State}`,
      );
    await cloud.control.addFault({
      actions: ["MigratePrivateIpAddress"],
      calls: 1,
      effect: { kind: "stallTask" },
    });
    const moving = await migrate();
    expect(await statesOf(from)).toEqual(["10.0.16.77 MIGRATING", "10.0.16.55 AVAILABLE"]);
    expect(await statesOf(to)).toEqual([]);
    expect(await codeOf(migrate())).toBe("UnsupportedOperation.MutexOperationTaskRunning");
    expect(await codeOf(assign(to, "10.0.16.66"))).toBe("UnsupportedOperation.MutexOperationTaskRunning");
    expect((await cloud.control.readTasks()).map(({ kind, eniId }) => [kind, eniId])).toEqual([
      ["migrate", from],
    ]);
    await cloud.control.releaseStalledTasks();
    expect(await finished(moving.RequestId)).toBe("SUCCESS");
    expect([await statesOf(from), await statesOf(to)]).toEqual([
      ["10.0.16.55 AVAILABLE"],
      ["10.0.16.77 AVAILABLE"],
    ]);
    expect(await codeOf(migrate())).toBe("UnauthorizedOperation.AttachmentNotFound");
    for (const NetworkInterfaceId of [from, to]) {
      expect(await finished((await vpc().DeleteNetworkInterface({ NetworkInterfaceId })).RequestId)).toBe(
        "SUCCESS",
      );
    }
  });

  const refusals: [string, () => Promise<unknown>, string][] = [
    [
      "a wrong key",
      () => new VpcClient(clientOptions({ secretKey: "x" })).DescribeVpcs({}),
      "AuthFailure.SignatureFailure",
    ],
    [
      "an unknown caller",
      () => new VpcClient(clientOptions({ secretId: "x" })).DescribeVpcs({}),
      "AuthFailure.SecretIdNotFound",
    ],
    [
      "another region",
      () => new VpcClient(clientOptions({ region: "ap-moon" })).DescribeVpcs({}),
      "UnsupportedRegion",
    ],
    ["an action that it does not have", () => vpc().DescribeVpcEndPoint({}), "InvalidAction"],
    [
      "ids with filters",
      () => vpc().DescribeVpcs({ VpcIds: [vpcId], Filters: [{ Name: "vpc-id", Values: [vpcId] }] }),
      "InvalidParameter.Coexist",
    ],
    [
      "an unknown filter",
      () => vpc().DescribeVpcs({ Filters: [{ Name: "colour", Values: ["red"] }] }),
      "InvalidParameter.FilterInvalidKey",
    ],
    [
      "a page that is too long",
      () => vpc().DescribeNetworkInterfaces({ Limit: 101 }),
      "InvalidParameterValue.Range",
    ],
    [
      "a parameter of the wrong type",
      () => vpc().DescribeNetworkInterfaces({ Limit: "x" as never }),
      "InvalidParameter",
    ],
    [
      "a missing parameter",
      () => vpc().DetachNetworkInterface({ NetworkInterfaceId: "eni-00000000" } as never),
      "MissingParameter",
    ],
    [
      "an unknown parameter",
      () => vpc().DeleteNetworkInterface({ NetworkInterfaceId: "eni-00000000", Force: true } as never),
      "UnknownParameter",
    ],
    ["a task that there was not", () => vpc().DescribeVpcTaskResult({ TaskId: "x" }), "ResourceNotFound"],
  ];
  for (const [what, call, code] of refusals) {
    it(`is told ${code} for ${what}`, async () => {
      expect(await codeOf(call())).toBe(code);
    });
  }

  it("is told nothing where the answer is lost, though it is done", async () => {
    const action = "CreateNetworkInterface";
    const create = () =>
      vpc().CreateNetworkInterface({
        VpcId: vpcId,
        SubnetId: subnetId,
        NetworkInterfaceName: "unheard",
        ClientToken: "unheard-1",
      });
    await cloud.control.addFault({ actions: [action], calls: 1, effect: { kind: "loseAnswer" } });
    await expect(create()).rejects.toThrow();
    const filters = [{ Name: "network-interface-name", Values: ["unheard"] }];
    const found = await vpc().DescribeNetworkInterfaces({ Filters: filters });
    expect(found.TotalCount).toBe(1);
    expect((await create()).NetworkInterface?.NetworkInterfaceId).toBe(
      found.NetworkInterfaceSet?.[0]?.NetworkInterfaceId,
    );
  });

  it("waits as long as it will where a request hangs", async () => {
    const hang = { kind: "loseRequest", manner: "hang" } as const;
    await cloud.control.addFault({ actions: ["DescribeVpcs"], calls: 1, effect: hang });
    const begun = performance.now();
    await expect(vpc().request("DescribeVpcs", {}, { signal: AbortSignal.timeout(300) })).rejects.toThrow();
    expect(performance.now() - begun).toBeGreaterThan(290);
    expect((await vpc().DescribeVpcs({})).TotalCount).toBe(1);
  });

  it("sends the token of a temporary credential", async () => {
    await cloud.control.putCredential("AKIDtemp", { secretKey: "key", token: "token-1" });
    const as = (token: string) =>
      new VpcClient(clientOptions({ secretId: "AKIDtemp", secretKey: "key", token }));
    expect((await as("token-1").DescribeVpcs({})).TotalCount).toBe(1);
    expect(await codeOf(as("token-2").DescribeVpcs({}))).toBe("AuthFailure.TokenFailure");
  });

  it("leaves its calls in the counters", async () => {
    await cloud.control.resetCalls();
    await vpc().DescribeVpcs({});
    await codeOf(vpc().DescribeVpcTaskResult({ TaskId: "x" }));
    expect(await cloud.control.readCalls()).toEqual({
      DescribeVpcs: { calls: 1, errors: {}, busiestSecond: 1 },
      DescribeVpcTaskResult: { calls: 1, errors: { ResourceNotFound: 1 }, busiestSecond: 1 },
    });
  });
});
