import { expect, test } from "bun:test";
import { CloudError } from "../cloud/cloud-error.ts";
import type { CloudVpc } from "../cloud/cloud-vpc.ts";
import { fencedVpc } from "./fenced-vpc.ts";

/** A cloud that only writes down what it was asked. */
function recorder(): { cloud: CloudVpc; asked: string[] } {
  const asked: string[] = [];
  const cloud = new Proxy({} as CloudVpc, {
    get: (_, name: string) => async () => {
      asked.push(name);
    },
  });
  return { cloud, asked };
}

test("fencedVpc() sends no call that changes the cloud unless the lease outlives its timeout", async () => {
  const { cloud, asked } = recorder();
  let left = 10_001;
  const vpc = fencedVpc(cloud, { outlives: (ms) => ms < left }, 10_000);
  await vpc.unassign("eni-1", ["10.0.16.3"]);
  await vpc.interfacesById(["eni-1"]);
  left = 10_000;
  const request = {
    name: "",
    clientToken: "",
    vpcId: "",
    subnetId: "",
    instanceId: "",
    addresses: 1,
    tags: [],
  };
  for (const call of [
    () => vpc.createAndAttach({ ...request, securityGroupIds: [] }),
    () => vpc.detach("eni-1", "ins-1"),
    () => vpc.remove("eni-1"),
    () => vpc.assign("eni-1", 1),
    () => vpc.assignAddresses("eni-1", ["10.0.16.3"]),
    () => vpc.migrate("10.0.16.3", { from: "eni-1", to: "eni-2" }),
    () => vpc.unassign("eni-1", ["10.0.16.3"]),
  ]) {
    const error = await call().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CloudError);
    expect((error as CloudError).code).toBe("NotLeader");
  }
  await vpc.interfacesById(["eni-1"]);
  expect(asked).toEqual(["unassign", "interfacesById", "interfacesById"]);
});
