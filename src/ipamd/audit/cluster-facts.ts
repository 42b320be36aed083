import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
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
  readonly configs: readonly NodeENIConfig[];
  readonly subnets: readonly VpcSubnet[];
  /** Ids of the subnets that pods are to get addresses from, as configured; undefined: not known. */
  readonly configuredSubnets?: readonly string[] | undefined;
  readonly nodes: readonly AuditedNode[];
  readonly cluster: { readonly id: string; readonly uid: string };
  /** When each reclaim token was first seen, as `askedSince` keeps it; undefined: how old tokens are is not known. */
  readonly asked?: ReadonlyMap<string, number> | undefined;
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
