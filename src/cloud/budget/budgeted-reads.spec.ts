import { expect, test } from "bun:test";
import type { Eni } from "../cloud-vpc.ts";
import { budgetedReads, type CloudReads } from "./budgeted-reads.ts";

test("budgetedReads() asks the budget before every call", async () => {
  const calls: string[] = [];
  const noted =
    <T>(name: string, answer: T) =>
    async () => {
      calls.push(name);
      return answer;
    };
  const vpc: CloudReads = {
    instancesById: async (ids) => noted(`instancesById of ${ids.length}`, [])(),
    instanceByAddress: noted("instanceByAddress", undefined),
    subnets: noted("subnets", []),
    interfaceLimit: noted("interfaceLimit", { enis: 0, addressesPerEni: 0 }),
    interfacesById: noted("interfacesById", []),
    vpcEniLimit: noted("vpcEniLimit", 50),
    interfacesByTag: async (_, paced) => {
      const pages = [0, 1].map((page) => paced?.(noted<Eni[]>(`page ${page}`, [])));
      return (await Promise.all(pages)).flatMap((enis) => enis ?? []);
    },
  };
  const reads = budgetedReads(vpc, {
    read: (action, call) => {
      calls.push(action);
      return call();
    },
  });

  await reads.instancesById(Array.from({ length: 150 }, (_, i) => `ins-${i}`));
  await reads.instanceByAddress("vpc-a", "10.0.0.1");
  await reads.subnets(["subnet-a"]);
  await reads.interfaceLimit("ins-a");
  await reads.interfacesById(["eni-a"]);
  expect(await reads.vpcEniLimit()).toBe(50);
  await reads.interfacesByTag({ key: "k", value: "v" });
  expect(calls).toEqual([
    ...["DescribeInstances", "instancesById of 100", "DescribeInstances", "instancesById of 50"],
    ...["DescribeInstances", "instanceByAddress", "DescribeSubnets", "subnets"],
    ...["DescribeNetworkInterfaceLimit", "interfaceLimit", "DescribeNetworkInterfaces", "interfacesById"],
    ...["DescribeVpcLimits", "vpcEniLimit"],
    ...["DescribeNetworkInterfaces", "page 0", "DescribeNetworkInterfaces", "page 1"],
  ]);
});
