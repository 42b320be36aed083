import { afterEach, describe, expect, test } from "bun:test";
import { CloudError } from "../cloud-error.ts";
import type { CreateEni } from "../cloud-vpc.ts";
import { TencentVpc, type TencentVpcOptions } from "./tencent-vpc.ts";

interface Asked {
  InstanceIds?: string[];
  LimitTypes?: string[];
  SubnetIds?: string[];
  NetworkInterfaceIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}

let server: ReturnType<typeof Bun.serve> | undefined;

afterEach(() => server?.stop(true));

/** An API that answers with what `answer` makes of a request. */
function vpcThatAnswers(answer: (asked: Asked, action: string) => object): TencentVpc {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const action = request.headers.get("X-TC-Action") ?? "";
      const asked = (await request.json()) as Asked;
      return Response.json({ Response: { RequestId: "r-1", ...answer(asked, action) } });
    },
  });
  return vpcAt(`127.0.0.1:${server.port}`);
}

function vpcAt(domain: string, changes: Partial<TencentVpcOptions> = {}): TencentVpc {
  return new TencentVpc({
    region: "ap-sim",
    credential: async () => ({ secretId: "id", secretKey: "key" }),
    protocol: "http",
    domain,
    timeoutMs: 5000,
    ...changes,
  });
}

const wish: CreateEni = {
  name: "n",
  clientToken: "t",
  vpcId: "vpc-a",
  subnetId: "subnet-a",
  securityGroupIds: [],
  addresses: 1,
  tags: [{ key: "k", value: "v" }],
};

async function failureOf(call: Promise<unknown>): Promise<CloudError> {
  const error = await call.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CloudError);
  return error as CloudError;
}

/** As the cloud does: one unknown id fails the whole request; a filter just does not match it. */
function strictAbout(known: readonly string[], found: (ids: string[]) => object) {
  return ({ SubnetIds, NetworkInterfaceIds, Filters }: Asked): object => {
    const ids = SubnetIds ?? NetworkInterfaceIds ?? [];
    if (ids.some((id) => !known.includes(id))) {
      return { Error: { Code: "ResourceNotFound", Message: "one of them does not exist" } };
    }
    const asked = Filters?.[0]?.Values ?? ids;
    return found(known.filter((id) => asked.includes(id)));
  };
}

describe("TencentVpc", () => {
  test("an answer without the quota is none: a node would be emptied for a quota of 0", async () => {
    const complete = vpcThatAnswers(() => ({ EniQuantity: 8, EniPrivateIpAddressQuantity: 30 }));
    expect(await complete.interfaceLimit("ins-1")).toEqual({ enis: 8, addressesPerEni: 30 });
    server?.stop(true);
    const half = vpcThatAnswers(() => ({ EniQuantity: 8 }));
    await expect(half.interfaceLimit("ins-1")).rejects.toMatchObject({ class: "unknown" });
  });

  test("leaves subnets out that do not exist, and answers the others", async () => {
    const vpc = vpcThatAnswers(
      strictAbout(["subnet-a", "subnet-c"], (ids) => ({ SubnetSet: ids.map((SubnetId) => ({ SubnetId })) })),
    );
    expect((await vpc.subnets(["subnet-a", "subnet-b"])).map(({ id }) => id)).toEqual(["subnet-a"]);
  });

  test("leaves ENIs out that do not exist, and answers the others", async () => {
    const vpc = vpcThatAnswers(
      strictAbout(["eni-a", "eni-c"], (ids) => ({
        NetworkInterfaceSet: ids.map((NetworkInterfaceId) => ({ NetworkInterfaceId })),
      })),
    );
    expect((await vpc.interfacesById(["eni-a", "eni-b"])).map(({ id }) => id)).toEqual(["eni-a"]);
  });

  test("takes an answer to a Create that names no ENI for none: it may or may not have been made", async () => {
    const vpc = vpcThatAnswers(() => ({}));
    const error = await failureOf(vpc.createAndAttach({ ...wish, instanceId: "ins-a" }));
    expect(error.class).toBe("unknown");
  });

  test("makes an ENI on no instance, with all it is to be found by", async () => {
    const requests: object[] = [];
    const vpc = vpcThatAnswers((asked, action) => {
      requests.push({ action, ...asked });
      return { NetworkInterface: { NetworkInterfaceId: "eni-a", State: "PENDING" } };
    });
    expect(await vpc.create(wish)).toMatchObject({ id: "eni-a", state: "pending" });
    expect(requests).toEqual([
      {
        action: "CreateNetworkInterface",
        VpcId: "vpc-a",
        SubnetId: "subnet-a",
        NetworkInterfaceName: "n",
        ClientToken: "t",
        SecondaryPrivateIpAddressCount: 1,
        Tags: [{ Key: "k", Value: "v" }],
      },
    ]);
  });

  test("attaches an ENI, and sets its tags by its name in six segments", async () => {
    const requests: object[] = [];
    const vpc = vpcThatAnswers((asked, action) => {
      requests.push({ action, ...asked });
      return {};
    });
    await vpc.attach("eni-a", "ins-a");
    await vpc.retag("eni-a", [{ key: "k", value: "v" }]);
    expect(requests).toEqual([
      { action: "AttachNetworkInterface", NetworkInterfaceId: "eni-a", InstanceId: "ins-a" },
      {
        action: "ModifyResourceTags",
        Resource: "qcs::vpc:ap-sim:uin/:eni/eni-a",
        ReplaceTags: [{ TagKey: "k", TagValue: "v" }],
      },
    ]);
  });

  test("assigns addresses by name, and moves one from an ENI to another", async () => {
    const requests: object[] = [];
    const vpc = vpcThatAnswers((asked, action) => {
      requests.push({ action, ...asked });
      return {};
    });
    await vpc.assignAddresses("eni-a", ["10.0.16.7", "10.0.16.9"]);
    await vpc.migrate("10.0.16.7", { from: "eni-a", to: "eni-b" });
    expect(requests).toEqual([
      {
        action: "AssignPrivateIpAddresses",
        NetworkInterfaceId: "eni-a",
        PrivateIpAddresses: [{ PrivateIpAddress: "10.0.16.7" }, { PrivateIpAddress: "10.0.16.9" }],
      },
      {
        action: "MigratePrivateIpAddress",
        SourceNetworkInterfaceId: "eni-a",
        DestinationNetworkInterfaceId: "eni-b",
        PrivateIpAddress: "10.0.16.7",
      },
    ]);
  });

  test("tells an address that somebody has, one that was moved already, and a move of which nobody knows", async () => {
    let code = "ResourceInUse";
    const vpc = vpcThatAnswers(() => ({ Error: { Code: code, Message: "no" } }));
    const move = { from: "eni-a", to: "eni-b" };
    expect((await failureOf(vpc.assignAddresses("eni-a", ["10.0.16.7"]))).class).toBe("address-taken");
    code = "UnauthorizedOperation.AttachmentNotFound";
    expect((await failureOf(vpc.migrate("10.0.16.7", move))).class).toBe("done-already");
    server?.stop(true);
    const cut = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (it) => void it.end() } });
    expect((await failureOf(vpcAt(`127.0.0.1:${cut.port}`).migrate("10.0.16.7", move))).class).toBe(
      "unknown",
    );
    cut.stop(true);
  });

  test("asks for any number of instances, a hundred a call", async () => {
    const sizes: number[] = [];
    const vpc = vpcThatAnswers(({ InstanceIds = [] }) => {
      sizes.push(InstanceIds.length);
      return { InstanceSet: InstanceIds.map((InstanceId) => ({ InstanceId })) };
    });
    const ids = Array.from({ length: 230 }, (_, i) => `ins-${i}`);
    expect((await vpc.instancesById(ids)).map(({ id }) => id)).toEqual(ids);
    expect(sizes).toEqual([100, 100, 30]);
    expect(await vpc.instancesById([])).toEqual([]);
  });

  test("makes each call for a page when it is told to", async () => {
    const vpc = vpcThatAnswers(() => ({
      NetworkInterfaceSet: Array.from({ length: 100 }, (_, i) => ({ NetworkInterfaceId: `eni-${i}` })),
      TotalCount: 300,
    }));
    let pages = 0;
    const found = await vpc.interfacesByTag({ key: "k", value: "v" }, (call) => {
      pages++;
      return call();
    });
    expect([found.length, pages]).toEqual([300, 3]);
  });

  test("reads the limit on a VPC's ENIs, which not every region tells", async () => {
    const vpc = vpcThatAnswers(({ LimitTypes = [] }) => ({
      VpcLimitSet: LimitTypes.map((LimitType) => ({ LimitType, LimitValue: 50 })),
    }));
    expect(await vpc.vpcEniLimit()).toBe(50);
    server?.stop(true);
    expect(await vpcThatAnswers(() => ({ VpcLimitSet: [] })).vpcEniLimit()).toBeUndefined();
  });

  test("tells a request that was not sent from one that may have been received", async () => {
    const dead = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const port = dead.port;
    dead.stop(true);
    expect(await failureOf(vpcAt(`127.0.0.1:${port}`).remove("eni-a"))).toMatchObject({
      class: "retry-later",
      code: "",
    });

    const cut = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => void socket.end() },
    });
    expect(await failureOf(vpcAt(`127.0.0.1:${cut.port}`).remove("eni-a"))).toMatchObject({
      class: "unknown",
      code: "",
    });
    cut.stop(true);
  });

  test("names a credential that cannot be read as the cause", async () => {
    const vpc = vpcAt("127.0.0.1:9", {
      credential: () => Promise.reject(new Error("no credential in /etc/secret/secretId")),
    });
    const error = await failureOf(vpc.remove("eni-a"));
    expect(error.class).toBe("credential");
    expect(error.message).toContain("no credential in /etc/secret/secretId");
  });
});
