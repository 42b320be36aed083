import { z } from "zod";
import { enisOf, findEni } from "../vpc/find.ts";
import type { CloudState, Eni } from "../vpc/state.ts";
import type { Call } from "./action.ts";
import {
  applyFilters,
  type Facet,
  type Filters,
  filtersSchema,
  idsSchema,
  notBoth,
  page,
  pageFields,
  readParameters,
} from "./parameters.ts";
import { renderEni } from "./render.ts";

const parameters = z.strictObject({
  NetworkInterfaceIds: idsSchema.optional(),
  Filters: filtersSchema.optional(),
  ...pageFields,
});

/** DescribeNetworkInterfaces. An id that does not exist makes the whole request fail with ResourceNotFound. */
export async function describeNetworkInterfaces(call: Call, body: unknown): Promise<object> {
  const request = readParameters(parameters, body);
  notBoth(request.NetworkInterfaceIds, request.Filters, "NetworkInterfaceIds");
  return call.look((state) => find(state, request));
}

function find(state: CloudState, request: z.infer<typeof parameters>): object {
  const named = request.NetworkInterfaceIds?.map((id) => findEni(state, id)) ?? [];
  const all = named.length > 0 ? named : candidates(state, request.Filters ?? []);
  const filters = request.Filters?.filter((filter) => filter.Name !== "ip-exact-match");
  const found = applyFilters(all, filters, {
    facets: facetsFor(request.Filters ?? []),
    tags: (eni) => eni.tags,
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, NetworkInterfaceSet: items.map(renderEni) };
}

/** The network interfaces among which all are that the filters let through: few, where a filter tells how to find them. */
function candidates(state: CloudState, filters: Filters): readonly Eni[] {
  const valuesOf = (name: string) => filters.find((filter) => filter.Name === name)?.Values;
  const ids = valuesOf("network-interface-id");
  if (ids !== undefined) {
    return [...new Set(ids)].flatMap((id) => state.enis.get(id) ?? []);
  }
  const machines = valuesOf("attachment.instance-id");
  return machines === undefined
    ? [...state.enis.values()]
    : [...new Set(machines)].flatMap((id) => enisOf(state, id));
}

function facetsFor(filters: Filters): Record<string, Facet<Eni>> {
  return {
    "vpc-id": (eni) => [eni.vpcId],
    "subnet-id": (eni) => [eni.subnetId],
    "network-interface-id": (eni) => [eni.eniId],
    "network-interface-name": (eni) => [eni.name],
    "network-interface-description": (eni) => [eni.description],
    "attachment.instance-id": (eni) => (eni.attachment === undefined ? [] : [eni.attachment.instanceId]),
    "groups.security-group-id": (eni) => eni.groups,
    "is-primary": (eni) => (eni.primary ? ["true", "TRUE"] : ["false", "FALSE"]),
    "eni-type": (eni) => [eni.primary ? "1" : "0"],
    "eni-qos": () => ["DEFAULT"],
    "address-ip": addressFacet(filters),
    "address-ipv6": () => [],
    "address-type": () => [],
    "public-address-ip": () => [],
    "termination-protection": () => ["false", "FALSE"],
    "traffic-protection": () => ["false", "FALSE"],
  };
}

/**
 * One address alone is matched by its beginning, unless the filter ip-exact-match says otherwise: 10.0.1.1 finds 10.0.1.10
 * too. Several are matched exactly (VPC API, DescribeNetworkInterfaces).
 */
function addressFacet(filters: Filters): Facet<Eni> {
  const wanted = filters.find((filter) => filter.Name === "address-ip")?.Values ?? [];
  const exact =
    filters.find((filter) => filter.Name === "ip-exact-match")?.Values[0]?.toLowerCase() === "true";
  const [only] = wanted;
  if (only === undefined || wanted.length > 1 || exact) {
    return (eni) => eni.addresses.map((it) => it.address);
  }
  return (eni) => (eni.addresses.some((it) => it.address.startsWith(only)) ? [only] : []);
}
