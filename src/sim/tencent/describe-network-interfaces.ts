import { z } from "zod";
import { findEni } from "../vpc/find.ts";
import type { Eni } from "../vpc/state.ts";
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
export function describeNetworkInterfaces({ simulator }: Call, body: unknown): object {
  const request = readParameters(parameters, body);
  notBoth(request.NetworkInterfaceIds, request.Filters, "NetworkInterfaceIds");
  const { state } = simulator;
  const named = request.NetworkInterfaceIds?.map((id) => findEni(state, id)) ?? [];
  const all = named.length > 0 ? named : [...state.enis.values()];
  const filters = request.Filters?.filter((filter) => filter.Name !== "ip-exact-match");
  const found = applyFilters(all, filters, {
    facets: facetsFor(request.Filters ?? []),
    tags: (eni) => eni.tags,
  });
  const { total, items } = page(found, request);
  return { TotalCount: total, NetworkInterfaceSet: items.map(renderEni) };
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
    "address-ip": addressFacet(filters),
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
