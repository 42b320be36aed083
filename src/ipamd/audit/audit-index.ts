import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import { instanceOfProviderId } from "../../api/provider-id.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { tagOf } from "../node/node-world.ts";
import type { ClusterFacts } from "./cluster-facts.ts";

/** Facts by the names under which checks look for them. */
export interface AuditIndex {
  readonly facts: ClusterFacts;
  /** Every ENI that the cloud showed, by id. */
  readonly cloud: ReadonlyMap<string, Eni>;
  /** Those that are this cluster's to work on. */
  readonly ours: readonly Eni[];
  readonly enis: ReadonlyMap<string, VpcENI>;
  /** By address. */
  readonly addresses: ReadonlyMap<string, VpcIP>;
  readonly addressesByEni: ReadonlyMap<string, readonly VpcIP[]>;
  readonly configs: ReadonlyMap<string, NodeENIConfig>;
  /** The ENIs of ours that an address is on, by address. */
  readonly homes: ReadonlyMap<string, Eni>;
  /** The instance behind each Node that is there, by the Node's name; undefined where nobody has said. */
  readonly instanceOfNode: ReadonlyMap<string, string | undefined>;
}

export function indexFacts(facts: ClusterFacts): AuditIndex {
  const byName = <T extends { metadata: { name: string } }>(objects: readonly T[]) =>
    new Map(objects.map((object) => [object.metadata.name, object]));
  const ours = facts.cloud.filter((eni) => !eni.primary && isOurs(eni, facts));
  const configs = byName(facts.configs);
  return {
    facts,
    cloud: new Map(facts.cloud.map((eni) => [eni.id, eni])),
    ours,
    enis: byName(facts.enis),
    addresses: new Map(facts.addresses.map((vip) => [addressOfVpcIp(vip.metadata.name), vip])),
    addressesByEni: Map.groupBy(facts.addresses, ({ spec }) => spec.eniID),
    configs,
    homes: new Map(ours.flatMap((eni) => eni.addresses.map(({ address }) => [address, eni] as const))),
    instanceOfNode: new Map(
      facts.nodes.map(({ metadata: { name }, spec }) => [
        name,
        instanceOfProviderId(spec.providerID) ?? configs.get(name)?.status?.instanceID,
      ]),
    ),
  };
}

/** Whether both tags are this very cluster's. */
export function isOurs(eni: Eni, { cluster }: Pick<ClusterFacts, "cluster">): boolean {
  return tagOf(eni, ENI_TAGS.clusterId) === cluster.id && tagOf(eni, ENI_TAGS.clusterUid) === cluster.uid;
}

/** How long ago a date was, in ms; undefined without one. */
export function ageOf(date: string | undefined, { now }: Pick<ClusterFacts, "now">): number | undefined {
  return date === undefined ? undefined : now - Date.parse(date);
}

/** A duration for people. */
export function lasting(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Whether the agent says that a pod holds the address; a refusal says so too. */
export function isInUse({ status }: VpcIP): boolean {
  return status?.use?.state === "InUse" || status?.use?.containerID !== undefined;
}

/** The holder of an address, for people. */
export function holderOf({ status }: VpcIP): string {
  return status?.use?.pod ?? status?.use?.containerID ?? "a pod";
}
