import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import type { CloudState, Vpc } from "../vpc/state.ts";
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
import { renderVpc } from "./render.ts";

const parameters = z.strictObject({
  VpcIds: idsSchema.optional(),
  Filters: filtersSchema.optional(),
  ...pageFields,
});

/** DescribeVpcs. */
export async function describeVpcs(call: Call, body: unknown): Promise<object> {
  const request = readParameters(parameters, body);
  notBoth(request.VpcIds, request.Filters, "VpcIds");
  return call.look((state) => find(state, request));
}

function find(state: CloudState, request: z.infer<typeof parameters>): object {
  const missing = request.VpcIds?.find((id) => !state.vpcs.has(id));
  if (missing !== undefined) {
    throw new CloudError("ResourceNotFound", `The resource ${missing} does not exist.`);
  }
  const all = [...state.vpcs.values()].filter((it) => request.VpcIds?.includes(it.vpcId) ?? true);
  const names = request.Filters?.find((filter) => filter.Name === "vpc-name")?.Values ?? [];
  const found = applyFilters(all, request.Filters, {
    facets: {
      "vpc-id": (it) => [it.vpcId],
      // A part of the name is enough.
      "vpc-name": (it) => names.filter((name) => it.name.includes(name)),
      "cidr-block": (it: Vpc) => [renderVpc(it).CidrBlock ?? ""],
      "is-default": () => ["false", "FALSE"],
      "isp-type": () => ["BGP"],
      "address-type": () => [],
      "ipv6-cidr-block": () => [],
    },
    tags: () => [],
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, VpcSet: items.map(renderVpc) };
}
