import { CLUSTER_CONFIGURATION } from "../api/cluster-configuration.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../api/vpc-ip.ts";
import type { VpcIPClaim } from "../api/vpc-ip-claim.ts";
import { VPC_SUBNET, type VpcSubnet } from "../api/vpc-subnet.ts";
import { type ConfigMap, configMaps, type Node, nodes, type Pod, pods } from "../kube/core-resources.ts";
import { type Reflector, type ReflectorWorld, startReflector } from "../kube/reflector/reflector.ts";
import type { Resource } from "../kube/resource.ts";
import { claimResource } from "./objects/claim-objects.ts";
import { type SlimPod, slimPod } from "./waiting/slim-pod.ts";

/** Everything of the cluster that ipamd follows. */
export interface Watches {
  nodes: Reflector<Node>;
  /** By `node`, those that need an address there; by `place`, all that take a place of the node. */
  pods: Reflector<SlimPod, "node" | "place">;
  configs: Reflector<NodeENIConfig>;
  enis: Reflector<VpcENI, "node">;
  /** By `node`, and by the `claim` that they are for. */
  addresses: Reflector<VpcIP, "node" | "claim">;
  subnets: Reflector<VpcSubnet>;
  /** The one ConfigMap that names VPC and subnets. */
  configuration: Reflector<ConfigMap>;
}

/** Claims, by the address that they have. */
export type ClaimReflector = Reflector<VpcIPClaim, "address">;

export function startClaimWatch(world: ReflectorWorld): ClaimReflector {
  return startReflector<VpcIPClaim, VpcIPClaim, "address">(world, {
    resource: claimResource,
    transform: (claim) => claim,
    indexes: { address: ({ spec }) => (spec.address === undefined ? [] : [spec.address]) },
  });
}

export function startWatches(world: ReflectorWorld): Watches {
  const whole = <T>(object: T) => object;
  const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
  const enis: Resource<VpcENI> = VPC_ENI;
  const addresses: Resource<VpcIP> = VPC_IP;
  const subnets: Resource<VpcSubnet> = VPC_SUBNET;
  return {
    nodes: startReflector(world, { resource: nodes, transform: slimNode }),
    pods: startReflector<Pod, SlimPod, "node" | "place">(world, {
      resource: pods,
      transform: slimPod,
      indexes: {
        node: (pod) => (pod.needsAddress && pod.node !== undefined ? [pod.node] : []),
        place: (pod) => (pod.takesPlace && pod.node !== undefined ? [pod.node] : []),
      },
    }),
    configs: startReflector(world, { resource: configs, transform: whole }),
    enis: startReflector<VpcENI, VpcENI, "node">(world, {
      resource: enis,
      transform: whole,
      indexes: { node: (veni) => [veni.spec.node] },
    }),
    addresses: startReflector<VpcIP, VpcIP, "node" | "claim">(world, {
      resource: addresses,
      transform: whole,
      indexes: {
        node: ({ spec }) => [spec.node],
        claim: ({ spec }) => (spec.claim === undefined ? [] : [spec.claim]),
      },
    }),
    subnets: startReflector(world, { resource: subnets, transform: whole }),
    configuration: startReflector(world, {
      resource: configMaps,
      namespace: CLUSTER_CONFIGURATION.namespace,
      fieldSelector: `metadata.name=${CLUSTER_CONFIGURATION.name}`,
      transform: whole,
    }),
  };
}

/** The transform of the watch of Nodes: without images and the like, nine tenths of each. */
export function slimNode(node: Node): Node {
  const { name, uid, resourceVersion, creationTimestamp, labels = {}, annotations = {} } = node.metadata;
  const { providerID, unschedulable, taints } = node.spec;
  const { addresses = [], allocatable, capacity, conditions = [] } = node.status ?? {};
  return {
    metadata: { name, uid, resourceVersion, creationTimestamp, labels, annotations },
    spec: {
      ...(providerID !== undefined && { providerID }),
      ...(unschedulable !== undefined && { unschedulable }),
      ...(taints !== undefined && { taints }),
    },
    status: {
      addresses,
      ...(allocatable !== undefined && { allocatable }),
      ...(capacity !== undefined && { capacity }),
      conditions: conditions.map(({ lastHeartbeatTime: _, ...condition }) => condition),
    },
  };
}
