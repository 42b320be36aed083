import { afterEach, describe, expect, test } from "bun:test";
import { CloudError } from "../cloud-error.ts";
import { TencentVpc } from "./tencent-vpc.ts";

interface Asked {
  SubnetIds?: string[];
  NetworkInterfaceIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}

let server: ReturnType<typeof Bun.serve> | undefined;

afterEach(() => server?.stop(true));

/** An API that answers with what `answer` makes of a request. */
function vpcThatAnswers(answer: (asked: Asked) => object): TencentVpc {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) =>
      Response.json({ Response: { RequestId: "r-1", ...answer((await request.json()) as Asked) } }),
  });
  return new TencentVpc({
    region: "ap-sim",
    credential: async () => ({ secretId: "id", secretKey: "key" }),
    protocol: "http",
    domain: `127.0.0.1:${server.port}`,
    timeoutMs: 5000,
  });
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
    const request = {
      name: "n",
      clientToken: "t",
      vpcId: "vpc-a",
      subnetId: "subnet-a",
      instanceId: "ins-a",
    };
    const made = vpc.createAndAttach({ ...request, securityGroupIds: [], addresses: 1, tags: [] });
    const error = await made.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CloudError);
    expect((error as CloudError).class).toBe("unknown");
  });
});
