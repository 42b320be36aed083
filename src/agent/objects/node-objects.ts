import type { Condition } from "../../api/condition.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../../api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../../api/vpc-ip.ts";
import { type Reflector, type ReflectorWorld, startReflector } from "../../kube/reflector/reflector.ts";
import type { Resource } from "../../kube/resource.ts";
import {
  type SeenAddress,
  type SeenConfig,
  type SeenEni,
  seenAddress,
  seenConfig,
  seenEni,
} from "./seen-objects.ts";

export const addressResource: Resource<VpcIP> = VPC_IP;
export const eniResource: Resource<VpcENI> = VPC_ENI;
export const configResource: Resource<NodeENIConfig> = NODE_ENI_CONFIG;

/** The custom resources of this node, as its three watches see them. */
export interface NodeObjects {
  readonly addresses: Reflector<SeenAddress>;
  readonly enis: Reflector<SeenEni>;
  readonly configs: Reflector<SeenConfig>;
  /** Whether each has held a complete view once. */
  hasSynced(): boolean;
  config(): SeenConfig | undefined;
  /** What ipamd says of this node. */
  readyCondition(): Condition | undefined;
  stop(): Promise<void>;
}

/** Watches the objects of one node: the server sends nothing of the others. */
export function startNodeObjects(world: ReflectorWorld, node: string): NodeObjects {
  const addresses = startReflector(world, {
    resource: addressResource,
    fieldSelector: `spec.node=${node}`,
    transform: seenAddress,
  });
  const enis = startReflector(world, {
    resource: eniResource,
    fieldSelector: `spec.node=${node}`,
    transform: seenEni,
  });
  const configs = startReflector(world, {
    resource: configResource,
    fieldSelector: `metadata.name=${node}`,
    transform: seenConfig,
  });
  const config = () => configs.store.get(node);
  return {
    addresses,
    enis,
    configs,
    hasSynced: () => addresses.hasSynced() && enis.hasSynced() && configs.hasSynced(),
    config,
    readyCondition: () => config()?.conditions.find(({ type }) => type === "Ready"),
    async stop() {
      await Promise.all([addresses.stop(), enis.stop(), configs.stop()]);
    },
  };
}
