import { CLUSTER_CONFIGURATION } from "../../api/cluster-configuration.ts";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../api/node-eni-config.ts";
import { instanceOfProviderId } from "../../api/provider-id.ts";
import { VPC_ENI, type VpcENI } from "../../api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../../api/vpc-ip.ts";
import { VPC_IP_CLAIM, type VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../api/vpc-subnet.ts";
import type { CloudVpc } from "../../cloud/cloud-vpc.ts";
import { configMaps, namespaces, nodes } from "../../kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../kube/kube-client.ts";
import type { Resource } from "../../kube/resource.ts";
import type { KubeTransport } from "../../kube/transport.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { readClusterSettings } from "../configuration/cluster-settings.ts";
import { auditCluster } from "./audit-cluster.ts";
import { askedByDate, type ClusterFacts } from "./cluster-facts.ts";
import { findingKey } from "./finding.ts";
import { plainFailure } from "./plain-failure.ts";
import { type AuditOutput, printFindings } from "./print-findings.ts";

/** Between the two readings: what only one of them shows was a change under way. */
const SECOND_LOOK_MS = 3000;

export interface AuditRequest {
  clusterId: string;
  /** In force where the ConfigMap says nothing else. */
  vpcId: string;
  subnetIds: readonly string[];
  output: AuditOutput;
  print: (text: string) => void;
}

/**
 * Reads cloud and objects twice and prints each difference that both readings show. Changes nothing.
 *
 * @returns `clean` where nothing waits for a person
 * @throws Error with one sentence when the cloud did not answer, KubeError when the API server did not
 */
export async function runAudit(
  { transport, cloud, clock }: { transport: KubeTransport; cloud: CloudVpc; clock: WaitingClock },
  request: AuditRequest,
): Promise<"clean" | "quarantined"> {
  const kube = createKubeClient(transport);
  const look = async () => {
    const facts = await readFacts(kube, cloud, request).catch((error) => {
      throw plainFailure(error);
    });
    return auditCluster({ ...facts, asked: askedByDate(facts), now: clock.now() });
  };
  const first = new Set((await look()).map(findingKey));
  await clock.sleep(SECOND_LOOK_MS);
  const second = await look();
  const findings = second.filter((finding) => first.has(findingKey(finding)));
  request.print(printFindings(findings, { output: request.output }));
  return findings.some(({ severity }) => severity === "quarantined") ? "quarantined" : "clean";
}

async function readFacts(
  kube: KubeClient,
  cloud: CloudVpc,
  request: AuditRequest,
): Promise<Omit<ClusterFacts, "asked" | "now">> {
  const { clusterId, vpcId, subnetIds } = request;
  const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
  const venis: Resource<VpcENI> = VPC_ENI;
  const vips: Resource<VpcIP> = VPC_IP;
  const vipcs: Resource<VpcIPClaim> = VPC_IP_CLAIM;
  const vsubs: Resource<VpcSubnet> = VPC_SUBNET;
  const { namespace, name } = CLUSTER_CONFIGURATION;
  const [system, configMap, nodeList, configs, enis, addresses, claims, subnets, inCloud] = await Promise.all(
    [
      kube.get(namespaces, "kube-system"),
      kube.find(configMaps, name, { namespace }),
      kube.list(nodes),
      kube.list(necs),
      kube.list(venis),
      kube.list(vips),
      kube.list(vipcs),
      kube.list(vsubs),
      cloud.interfacesByTag({ key: ENI_TAGS.clusterId, value: clusterId }),
    ],
  );
  const ids = new Set([
    ...nodeList.items.flatMap(({ spec }) => instanceOfProviderId(spec.providerID) ?? []),
    ...configs.items.flatMap(({ status }) => status?.instanceID ?? []),
    ...[...enis.items, ...addresses.items].map(({ spec }) => spec.instanceID),
  ]);
  const instances = await cloud.instancesById([...ids]);
  const fallback = { vpcId, subnetIds };
  const configured = readClusterSettings(configMap?.data, { fallback, lastGood: undefined });
  return {
    cloud: inCloud,
    instances: new Map(instances.map((instance) => [instance.id, instance])),
    enis: enis.items,
    addresses: addresses.items,
    claims: areServed(configs.items) ? claims.items : [],
    configs: configs.items,
    subnets: subnets.items,
    configuredSubnets: configured.subnetIds,
    nodes: nodeList.items,
    cluster: { id: clusterId, uid: system.metadata.uid },
  };
}

/** Only an ipamd with fixed addresses says how many pods a node may take beside what it has. */
function areServed(configs: readonly NodeENIConfig[]): boolean {
  return configs.some(({ status }) => status?.slots !== undefined);
}
