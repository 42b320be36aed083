import { z } from "zod";
import type { CloudState, Instance } from "../vpc/state.ts";
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
import { renderInstance } from "./render.ts";

const parameters = z.strictObject({
  InstanceIds: idsSchema.optional(),
  Filters: filtersSchema.optional(),
  ...pageFields,
});

/** DescribeInstances. An id that does not exist is no error: the machine is not in the answer. */
export async function describeInstances(call: Call, body: unknown): Promise<object> {
  const request = readParameters(parameters, body);
  notBoth(request.InstanceIds, request.Filters, "InstanceIds");
  return call.look((state) => find(state, request));
}

function find(state: CloudState, request: z.infer<typeof parameters>): object {
  const ids = request.InstanceIds ?? [];
  const all =
    ids.length === 0
      ? [...state.instances.values()]
      : ids.flatMap((instanceId) => state.instances.get(instanceId) ?? []);
  const found = applyFilters<Instance>(all, request.Filters, {
    facets: {
      "instance-id": (it) => [it.instanceId],
      "instance-name": (it) => [it.name],
      "instance-state": (it) => [it.state],
      "private-ip-address": (it) => renderInstance(it, state).PrivateIpAddresses ?? [],
      zone: (it) => [it.zone],
      "vpc-id": (it) => [it.vpcId],
      "subnet-id": (it) => [it.subnetId],
      "security-group-id": (it) => renderInstance(it, state).SecurityGroupIds ?? [],
    },
    tags: () => [],
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, InstanceSet: items.map((it) => renderInstance(it, state)) };
}
