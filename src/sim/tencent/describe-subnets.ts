import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import type { CloudState, Subnet } from "../vpc/state.ts";
import type { Call } from "./action.ts";
import {
  applyFilters,
  filtersSchema,
  idsSchema,
  notBoth,
  page,
  pageFields,
  readParameters,
} from "./parameters.ts";
import { renderSubnet } from "./render.ts";

const parameters = z.strictObject({
  SubnetIds: idsSchema.optional(),
  Filters: filtersSchema.optional(),
  ...pageFields,
});

/** DescribeSubnets. */
export async function describeSubnets(call: Call, body: unknown): Promise<object> {
  const request = readParameters(parameters, body);
  notBoth(request.SubnetIds, request.Filters, "SubnetIds");
  return call.look((state) => find(state, request));
}

function find(state: CloudState, request: z.infer<typeof parameters>): object {
  const missing = request.SubnetIds?.find((id) => !state.subnets.has(id));
  if (missing !== undefined) {
    throw new CloudError("ResourceNotFound", `The resource ${missing} does not exist.`);
  }
  const all = [...state.subnets.values()].filter((it) => request.SubnetIds?.includes(it.subnetId) ?? true);
  const found = applyFilters(all, request.Filters, {
    facets: {
      "subnet-id": (it) => [it.subnetId],
      "vpc-id": (it) => [it.vpcId],
      "subnet-name": (it) => [it.name],
      zone: (it) => [it.zone],
      "cidr-block": (it: Subnet) => [renderSubnet(it).CidrBlock ?? ""],
      "is-default": () => ["false", "FALSE"],
      "is-remote-vpc-snat": () => ["false", "FALSE"],
      "is-cdc-subnet": () => ["0"],
      "cdc-id": () => [],
      "isp-type": () => ["BGP"],
      "address-type": () => [],
      "ipv6-cidr-block": () => [],
    },
    tags: () => [],
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, SubnetSet: items.map(renderSubnet) };
}
