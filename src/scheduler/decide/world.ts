import type { ReadByNode } from "./by-node.ts";
import type { NodeRooms } from "./node-rooms.ts";

/** A subnet that pods get addresses from, as its VpcSubnet says. */
export interface SubnetView {
  readonly id: string;
  readonly zone: string;
  readonly cidr: string;
  /** New addresses are taken from it. */
  readonly active: boolean;
  /** Addresses that it can give in all, and those left when the cloud was read; undefined while that is not known. */
  readonly total: number | undefined;
  readonly free: number | undefined;
  /** When that was, wall clock, ms. */
  readonly readAt: number;
}

/** An ENI of a node. */
export interface EniView {
  readonly id: string;
  readonly subnetId: string;
  /** Secondary addresses that the cloud has on it. */
  readonly addresses: number;
}

/** A node that may have addresses, as its NodeENIConfig says. */
export interface NodeView {
  readonly name: string;
  readonly zone: string;
  /** Container subnets that its label names; empty: it names none. */
  readonly labelled: readonly string[];
  readonly enis: readonly EniView[];
  /** Subnet of an ENI that is being made for it. */
  readonly creatingIn: string | undefined;
  /** What quota and annotations allow. */
  readonly limit: {
    readonly enis: number;
    readonly addressesPerEni: number;
    readonly addresses: number;
  };
  /** It is to have no ENIs. */
  readonly disabled: boolean;
}

/** What a node has of a subnet, and is to get. */
export interface NodeInSubnet {
  /** More addresses that its ENIs there have room for. */
  readonly places: number;
  /** Addresses that are to come to it for claims. */
  readonly awaited: number;
}

/** A node with what decisions need of it, counted once. */
export interface CountedNode extends NodeView {
  /** Addresses that its ENIs have, and that are to come to it for claims. */
  readonly addresses: number;
  /** Subnets in which it has an ENI, gets one, or awaits addresses. */
  readonly inSubnet: ReadonlyMap<string, NodeInSubnet>;
}

/** An address that is bound: a pod's, as its VpcIP says, or an ENI's own, as its VpcENI does. */
export interface AddressView {
  readonly address: string;
  readonly subnetId: string;
  readonly node: string;
  /** ENI that it is on beside that one's own; undefined: it is an ENI's own. */
  readonly eniId: string | undefined;
  /** `namespace/name` of the pod that it is for; undefined: for any, or an ENI's own. */
  readonly claim: string | undefined;
  /** Since when the cloud has been seen to have it, wall clock, ms; never too early. */
  readonly since: number;
}

/** Whose an address is to be, as a VpcIPClaim says. */
export interface ClaimView {
  /** `namespace/name`, which are those of its pod. */
  readonly key: string;
  /** Empty where nobody has chosen one. */
  readonly subnetId: string;
  /** Undefined until somebody has chosen one. */
  readonly address: string | undefined;
  /** Where its pod was sent last. */
  readonly node: string | undefined;
  /** It is being deleted: it says nothing of where a pod of its name is to be. */
  readonly leaving: boolean;
}

/** What is known of the cluster. */
export interface ClusterParts {
  readonly subnets: ReadonlyMap<string, SubnetView>;
  readonly nodes: ReadonlyMap<string, NodeView>;
  /** By address. */
  readonly addresses: ReadonlyMap<string, AddressView>;
  readonly claims: ReadonlyMap<string, ClaimView>;
  /** Subnets that are configured, and none that only a pod may name (`--only-nominated-eni-subnets`: empty). */
  readonly configured: readonly string[];
}

/** The same, with what follows from it for every decision. */
export interface ClusterView extends ClusterParts {
  readonly nodes: ReadonlyMap<string, CountedNode>;
  /** The same of them, in arrays. */
  readonly rooms: NodeRooms;
  /** Addresses that are bound for a claim, by its key. */
  readonly bound: ReadonlyMap<string, AddressView>;
  /** Keys of claims that name an address, by that address. */
  readonly claimants: ReadonlyMap<string, readonly string[]>;
  /** Addresses of a subnet that are spoken for and that its last reading does not show, those of ENIs to be made included. */
  readonly spokenFor: ReadonlyMap<string, number>;
}

/** Where a pod may go on a node. */
export interface Fit {
  /** Subnet that the pod's address is or would be of. */
  readonly subnetId: string;
  /** An ENI in that subnet, there or awaited, has room for it: no other has to be made. */
  readonly hasEni: boolean;
  /** Addresses of the subnet that it takes for itself; 0 where its claim has been promised one. */
  readonly takes: 0 | 1;
}

/** Pods that may come to a node for an address. */
export interface ReservedOnNode {
  readonly pods: number;
  readonly inSubnet: ReadonlyMap<string, ReservedOnNodeInSubnet>;
}

/** Of these, those that want an address of one subnet. */
export interface ReservedOnNodeInSubnet {
  readonly pods: number;
  /** Those for whom an ENI has room. */
  readonly sure: number;
}

/** What pods may take of a subnet. */
export interface ReservedInSubnet {
  readonly addresses: number;
  /** Pods that may need another ENI there: each has one made at most. */
  readonly makers: number;
  /** Pods that may come to a node for an address of it, and those of them for whom an ENI has room. */
  readonly pods: ReadByNode;
  readonly sure: ReadByNode;
}

/** What other pods were let pass for and have not taken yet. */
export interface Reserved {
  onNode(name: string): ReservedOnNode;
  /** Pods that may come to a node, by its number. */
  onNodes(): Int32Array;
  inSubnet(id: string): ReservedInSubnet;
  /** Subnets of which there is any. */
  subnets(): Iterable<string>;
  /** Whether one of them is to have this very address. */
  hasAddress(address: string): boolean;
}

/** Everything that a decision rests on. */
export interface World extends ClusterView {
  /** Without the reservation of the pod that is asked about. */
  readonly reserved: Reserved;
}

/** A pod that needs an address, as far as a decision goes. */
export interface PodView {
  readonly key: string;
  readonly uid: string;
  /** Subnets that it names itself; empty: it names none. */
  readonly nominated: readonly string[];
  /** The address that it names itself. */
  readonly address: string | undefined;
  /** What is wrong in its annotations: one sentence, the same as long as they are. */
  readonly mistake: string | undefined;
}
