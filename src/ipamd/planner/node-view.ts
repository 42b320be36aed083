/** Everything that the planner of one node looks at, put together from the cloud, the objects and the flags. */
export interface NodeView {
  /** Pods on the node that need an address; pods that wait count as well. */
  demand: number;
  /** Free addresses to keep ready: grow below `min`, give back above `max`. */
  warm: { min: number; max: number };
  /** What the quota and the node's configuration allow. */
  limit: {
    /** Shared ENIs: without the instance's primary one. */
    enis: number;
    /** Secondary addresses of an ENI: without its primary one. */
    addressesPerEni: number;
  };
  enis: readonly EniView[];
  /** An ENI that is being made: its addresses count as there. */
  creating?: { addresses: number };
  /** Subnets of the node's zone that new ENIs may use. */
  subnets: readonly SubnetView[];
}

export interface EniView {
  id: string;
  subnetId: string;
  /** Attached to this node's instance and in no other state. Nothing is added to an ENI that is not. */
  ready: boolean;
  /** An operation is under way, or its result has not been read yet: at most one operation an ENI at a time. */
  busy: boolean;
  /** Being given back as a whole. */
  leaving: "no" | "asked" | "agreed";
  addresses: readonly AddressView[];
}

export interface AddressView {
  address: string;
  /** `true` until the cloud is seen to take it off. */
  assigned: boolean;
  /** Was unassigned so recently that it must not be used yet. */
  reserved: boolean;
  /** What the node's agent says; `unknown` until it has said something. */
  use: "free" | "in-use" | "cooling-down" | "unknown";
  /** `asked`: a token is out. `agreed`: the agent has answered that token, and will never use the address again. */
  reclaim: "no" | "asked" | "agreed";
}

export interface SubnetView {
  id: string;
  /** Addresses left when it was last read. */
  free: number;
}

/** Something to be done now. At most one action an ENI comes out of one plan. */
export type Action =
  | { kind: "create-eni"; subnetId: string; addresses: number }
  | { kind: "assign"; eniId: string; count: number }
  | { kind: "ask-back"; address: string }
  | { kind: "unassign"; eniId: string; addresses: readonly string[] }
  | { kind: "ask-eni-back"; eniId: string }
  | { kind: "remove-eni"; eniId: string };

/** Why a node that needs addresses gets none now. */
export type Shortage = "no-subnet" | "subnet-full" | "quota";

/** Addresses that count as the node's: assigned, usable, and not on their way back. */
export function keptAddresses(eni: EniView): AddressView[] {
  return eni.leaving === "no"
    ? eni.addresses.filter((a) => a.assigned && !a.reserved && a.reclaim === "no")
    : [];
}

/** Addresses that pods have or can have, those of an ENI that is being made included. */
export function boundCount(view: NodeView): number {
  return view.enis.reduce((sum, eni) => sum + keptAddresses(eni).length, view.creating?.addresses ?? 0);
}
