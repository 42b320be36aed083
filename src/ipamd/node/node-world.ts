import type { CloudReads } from "../../cloud/budget/budgeted-reads.ts";
import type { CloudVpc, Eni } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { Logger } from "../../kube/logger.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { ClaimWorld } from "../claims/claim-world.ts";
import type { CloudView } from "../cloud-view/cloud-view.ts";
import type { Configuration } from "../configuration/configuration.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import type { TokenBook } from "../objects/token-book.ts";
import type { Notices } from "../signals/notices.ts";
import type { SubnetBook } from "../subnets/subnet-book.ts";
import type { InstanceBook } from "./instance-book.ts";
import type { Budget } from "./run-calls.ts";

/** Who this cluster is, for the tags of its ENIs. */
export interface ClusterIdentity {
  id: string;
  /** UID of the namespace `kube-system`. */
  uid: string;
}

export interface ClusterOptions {
  cluster: ClusterIdentity;
  /** Of nodes that have no annotation of their own. */
  warm: { min: number; max: number };
  quickRelease: boolean;
  /** How long a Node must be gone before its ENIs are released. */
  nodeGoneGraceMs: number;
  /** How long an agent has to close its pool when its Node is gone. */
  agentAnswerMs: number;
  /** Whether Nodes get the taint, and the condition, while pods can get no address there. */
  nodeTaint: boolean;
  nodeCondition: boolean;
}

/** Everything that work on a node reaches. */
export interface NodeWorld {
  /** Reads of the cloud, each in its turn. */
  cloud: CloudReads;
  /** Calls that change something; they are made with a permit of the budget, and only by the leader. */
  acts: Pick<
    CloudVpc,
    | "createAndAttach"
    | "create"
    | "attach"
    | "detach"
    | "remove"
    | "assign"
    | "assignAddresses"
    | "migrate"
    | "unassign"
  >;
  budget: Budget;
  view: CloudView;
  objects: ClusterObjects;
  configuration: Configuration;
  subnets: SubnetBook;
  instances: InstanceBook;
  tokens: TokenBook;
  notices: Notices;
  clock: WaitingClock;
  logger: Logger;
  options: ClusterOptions;
  /** Nodes as the watch has them. */
  nodes: { get(name: string): Node | undefined; list(): Node[] };
  /** A quorum read. */
  findNode: (name: string) => Promise<Node | undefined>;
  /** Pods of the node that need an address. */
  demandOf: (node: string) => number;
  /** Pods that found no node, and for which this one grows. */
  waitingFor: (node: string) => number;
  /** Where pods bring their addresses; undefined where nodes keep a pool of them alone. */
  claims?: ClaimWorld | undefined;
  /** Tells for how many pods a node has addresses or can get them. */
  capacityKnown: (node: string, addresses: number) => void;
  /** Milliseconds, for measuring only. */
  stopwatch: () => number;
  /** Random hexadecimal digits, for nonces. */
  nonce: () => string;
}

/** Value of a tag, empty when the ENI has none. */
export function tagOf(eni: Eni, key: string): string {
  return eni.tags.find((tag) => tag.key === key)?.value ?? "";
}
