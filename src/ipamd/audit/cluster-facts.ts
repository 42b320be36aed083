import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import type { Eni, Instance } from "../../cloud/cloud-vpc.ts";

/** Of a Node, what says which machine it is. */
export interface AuditedNode {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly providerID?: string | undefined };
}

/** All that an audit compares, read as close together as can be. */
export interface ClusterFacts {
  /** All ENIs with this cluster's id in their tags, those with another cluster's UID too. */
  readonly cloud: readonly Eni[];
  /** Instances that the cloud knows, of all that Nodes and objects name; undefined: it was not asked. */
  readonly instances?: ReadonlyMap<string, Pick<Instance, "id" | "state">> | undefined;
  readonly enis: readonly VpcENI[];
  readonly addresses: readonly VpcIP[];
  /** None where no fixed addresses are served: claims that are left stand for nothing then. */
  readonly claims: readonly VpcIPClaim[];
  readonly configs: readonly NodeENIConfig[];
  readonly subnets: readonly VpcSubnet[];
  /** Ids of the subnets that pods are to get addresses from, as configured; undefined: not known. */
  readonly configuredSubnets?: readonly string[] | undefined;
  readonly nodes: readonly AuditedNode[];
  readonly cluster: { readonly id: string; readonly uid: string };
  /** Since when each reclaim token has been out, at least: ms since 1970. Nothing is said of one whose age is not known. */
  readonly asked: ReadonlyMap<string, number>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** When each token that is out was first seen, from one audit to the next. */
export function askedSince(
  before: ReadonlyMap<string, number>,
  { enis, addresses, now }: Pick<ClusterFacts, "enis" | "addresses" | "now">,
): Map<string, number> {
  const tokens = [...enis, ...addresses].flatMap(({ spec }) =>
    spec.reclaim === undefined ? [] : [spec.reclaim.token],
  );
  return new Map(tokens.map((token) => [token, before.get(token) ?? now]));
}

/** metav1.ManagedFieldsEntry, as far as it is read here. */
interface ManagedFields {
  readonly manager?: string;
  readonly subresource?: string;
  /** When this manager last changed one of its fields. */
  readonly time?: string;
}

/**
 * The same for who reads but once: objects carry no date of a token, but the API server notes when ipamd last changed their spec, and the
 * token has been out since then at least.
 */
export function askedByDate({
  enis,
  addresses,
}: Pick<ClusterFacts, "enis" | "addresses">): Map<string, number> {
  return new Map(
    [...enis, ...addresses].flatMap(({ metadata, spec }) => {
      const { managedFields = [] } = metadata as { managedFields?: readonly ManagedFields[] };
      const own = managedFields.find(
        ({ manager, subresource }) => manager === IPAMD_MANAGER && (subresource ?? "") === "",
      );
      const changedAt = Date.parse(own?.time ?? "");
      return spec.reclaim === undefined || Number.isNaN(changedAt)
        ? []
        : [[spec.reclaim.token, changedAt] as const];
    }),
  );
}
