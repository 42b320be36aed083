import type { Clock } from "../../api/clock.ts";
import type { CloudVpc, Eni } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { Logger } from "../../kube/logger.ts";
import type { CloudView } from "../cloud-view/cloud-view.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import type { SubnetBook } from "../subnets/subnet-book.ts";
import type { InstanceBook } from "./instance-book.ts";

/** Who this cluster is, for the tags of its ENIs. */
export interface ClusterIdentity {
  id: string;
  /** UID of the namespace `kube-system`. */
  uid: string;
}

export interface NodeSettings {
  cluster: ClusterIdentity;
  vpcId: string;
  /** Container subnets, for messages. */
  subnetIds: readonly string[];
  warm: { min: number; max: number };
  quickRelease: boolean;
  /** How long a Node must be gone before its ENIs are released. */
  nodeGoneGraceMs: number;
  /** How long an agent has to close its pool when its Node is gone. */
  agentAnswerMs: number;
}

/** Everything that work on a node reaches. */
export interface NodeWorld {
  cloud: CloudVpc;
  view: CloudView;
  objects: ClusterObjects;
  subnets: SubnetBook;
  instances: InstanceBook;
  clock: Clock;
  logger: Logger;
  settings: NodeSettings;
  /** Nodes as the watch has them. */
  nodes: { get(name: string): Node | undefined; list(): Node[] };
  /** A quorum read. */
  findNode: (name: string) => Promise<Node | undefined>;
  /** Pods of the node that need an address. */
  demandOf: (node: string) => number;
  /** Random hexadecimal digits, for nonces and tokens. */
  nonce: () => string;
}

/** Value of a tag, empty when the ENI has none. */
export function tagOf(eni: Eni, key: string): string {
  return eni.tags.find((tag) => tag.key === key)?.value ?? "";
}
