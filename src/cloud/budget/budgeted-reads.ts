import type { CloudVpc, Instance } from "../cloud-vpc.ts";
import type { CallBudget } from "./call-budget.ts";

/** Most ids that one DescribeInstances takes. */
const PAGE = 100;

/** The methods of a VPC that change nothing. */
export type CloudReads = Pick<
  CloudVpc,
  | "instancesById"
  | "instanceByAddress"
  | "subnets"
  | "interfaceLimit"
  | "interfacesById"
  | "interfacesByTag"
  | "vpcEniLimit"
>;

/** Reads of a VPC whose every call, each page of a list too, waits for its turn in the budget. */
export function budgetedReads(vpc: CloudReads, budget: Pick<CallBudget, "read">): CloudReads {
  return {
    async instancesById(ids) {
      const found: Instance[] = [];
      for (let i = 0; i < ids.length; i += PAGE) {
        const page = ids.slice(i, i + PAGE);
        found.push(...(await budget.read("DescribeInstances", () => vpc.instancesById(page))));
      }
      return found;
    },
    instanceByAddress: (vpcId, address) =>
      budget.read("DescribeInstances", () => vpc.instanceByAddress(vpcId, address)),
    subnets: (ids) => budget.read("DescribeSubnets", () => vpc.subnets(ids)),
    interfaceLimit: (instanceId) =>
      budget.read("DescribeNetworkInterfaceLimit", () => vpc.interfaceLimit(instanceId)),
    interfacesById: (ids) => budget.read("DescribeNetworkInterfaces", () => vpc.interfacesById(ids)),
    interfacesByTag: (tag) =>
      vpc.interfacesByTag(tag, (page) => budget.read("DescribeNetworkInterfaces", page)),
    vpcEniLimit: () => budget.read("DescribeVpcLimits", () => vpc.vpcEniLimit()),
  };
}
