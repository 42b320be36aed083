import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";
import type { Vpc } from "../vpc/state.ts";
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
export function describeVpcs({ simulator }: Call, body: unknown): object {
  const request = readParameters(parameters, body);
  notBoth(request.VpcIds, request.Filters, "VpcIds");
  const missing = request.VpcIds?.find((id) => !simulator.state.vpcs.has(id));
  if (missing !== undefined) {
    throw new CloudError("ResourceNotFound", `The resource ${missing} does not exist.`);
  }
  const all = [...simulator.state.vpcs.values()].filter((it) => request.VpcIds?.includes(it.vpcId) ?? true);
  const found = applyFilters(all, request.Filters, {
    facets: {
      "vpc-id": (it) => [it.vpcId],
      "vpc-name": (it) => [it.name],
      "cidr-block": (it: Vpc) => [renderVpc(it).CidrBlock ?? ""],
      "is-default": () => ["false", "FALSE"],
    },
    tags: () => [],
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, VpcSet: items.map(renderVpc) };
}
