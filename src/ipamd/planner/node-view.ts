/** Everything that the planner of one node looks at, put together from the cloud, the objects and the settings. */
export interface NodeView {
  /** Pods on the node that need an address; pods that wait for one there count as well. */
  demand: number;
  /** Pods that found no node for lack of an address, and for which this one grows. */
  waiting: number;
  /** Free addresses to keep ready: grow below `min`, give back above `max`. */
  warm: { min: number; max: number };
  /** What the quota and the node's settings allow. */
  limit: {
    /** Shared ENIs: without the instance's primary one. */
    enis: number;
    /** Secondary addresses of an ENI: without its primary one. */
    addressesPerEni: number;
    /** Secondary addresses in all: maxPods and settings may allow fewer than the ENIs could hold. */
    addresses: number;
    /** Secondary addresses that the instance could have if people had set nothing. */
    quota: number;
  };
  enis: readonly EniView[];
  /** An ENI is on its way to or from the instance: the cloud does one such thing at a time. */
  instanceBusy: boolean;
  /** An ENI that is being made: its addresses count as there. */
  creating?: { subnetId: string; addresses: number };
  /** Subnets of the node's zone. */
  subnets: readonly SubnetView[];
  /** Where pods bring their addresses: those whose address is not here yet, the oldest first. They count in `demand`. Else undefined. */
  needs?: readonly ClaimNeed[];
}

/** A pod of the node whose claim has no address here yet. */
export interface ClaimNeed {
  /** `namespace/name` of the pod, which are those of its claim. */
  key: string;
  /** Subnet that the address is of, or is to be of; undefined: any that the node may use. */
  subnetId: string | undefined;
  wants:
    | { kind: "any" }
    /** This very address, which no ENI of ours has. */
    | { kind: "named"; address: string }
    /** This very address, from the ENI that has it; not before it is proven that nobody uses it there. */
    | { kind: "move"; address: string; from: string; proven: boolean };
}

export interface EniView {
  id: string;
  subnetId: string;
  /** Attached to this node's instance and in no other state. Nothing is added to an ENI that is not. */
  ready: boolean;
  /** An operation is under way, or its result has not been read yet: at most one operation an ENI at a time. */
  busy: boolean;
  /** At rest and attached to nothing: made and not attached yet, or detached behind our back. */
  unattached: boolean;
  /** As `unattached`, and proven by two readings. */
  detached: boolean;
  /** Not to be filled: it empties and goes. */
  draining: boolean;
  /** Being given back as a whole. */
  leaving: "no" | "asked" | "agreed";
  /** It is to go, is attached to nothing any more, and stays for the addresses of claims until these are wanted elsewhere. */
  staysDetached?: boolean;
  /** Addresses are to come to it, or have gone from it so recently that the next may come: it is not asked back for being empty. */
  awaited?: boolean;
  addresses: readonly AddressView[];
}

export interface AddressView {
  address: string;
  /** `true` until the cloud is seen to take it off. */
  assigned: boolean;
  /** It has no object yet: it is made for those that wait, as soon as its ENI is attached. */
  isNew?: boolean;
  /** Was unassigned so recently that it must not be used yet. */
  reserved: boolean;
  /** What the node's agent says; `unknown` until it has said something. */
  use: "free" | "in-use" | "cooling-down" | "unknown";
  /** `asked`: a token is out. `agreed`: the agent has answered that token, and will never use the address again. */
  reclaim: "no" | "asked" | "agreed";
}

export interface SubnetView {
  id: string;
  /** Whether new ENIs of the node may be made in it. */
  forNewEnis: boolean;
  /** Addresses left when it was last read. */
  free: number;
}

/** Something to be done now. At most one action an ENI comes out of one plan. */
export type Action =
  /** `alone`: it is attached later, since the instance is busy now. */
  | { kind: "create-eni"; subnetId: string; addresses: number; alone: boolean }
  | { kind: "attach"; eniId: string }
  | { kind: "assign"; eniId: string; count: number }
  | { kind: "assign-named"; eniId: string; address: string; claim: string }
  /** From another ENI to this one. */
  | { kind: "move"; eniId: string; address: string; from: string }
  | { kind: "ask-back"; address: string }
  | { kind: "unassign"; eniId: string; addresses: readonly string[] }
  | { kind: "ask-eni-back"; eniId: string }
  | { kind: "remove-eni"; eniId: string };

/** Why a node that needs addresses gets none now. */
export type Shortage =
  /** No configured subnet is in the node's zone. */
  | "no-subnet"
  | "subnet-full"
  /** The instance can have no more. */
  | "quota"
  /** The instance could have more, what people set for the node allows no more. */
  | "eni-full"
  /** ENIs that are to go still have pods, and there is no place for another ENI beside them. */
  | "draining";

/** Why a pod whose claim has no address here gets none now. */
export type ClaimShortage =
  | Shortage
  /** The subnet of its address is not in the node's zone. */
  | "other-zone"
  /** No ENI of its address's subnet has room, and the node has as many ENIs as it may. */
  | "last-eni";

/** Whether it is the pod that is on the wrong node, and not the node that lacks something. */
export function isOfPodAlone(why: ClaimShortage): why is Exclude<ClaimShortage, Shortage> {
  return why === "other-zone" || why === "last-eni";
}

/** Whether an ENI is to go once its pods have left: nothing is added to it. */
export function isEmptying(eni: EniView): boolean {
  return eni.draining || eni.leaving !== "no";
}

/**
 * Whether an ENI of the node is attached to another instance, by somebody else: it is no place of this one's quota, and nothing that
 * this node could use.
 */
export function isElsewhere(eni: EniView): boolean {
  return !eni.ready && !eni.busy && !eni.unattached;
}

/**
 * Addresses that count as the node's: assigned, usable, and not on their way back. One that a pod holds counts until its agent
 * has agreed to give it back, since the pod counts, too. Of an ENI that is to go only those that a pod holds, or may hold.
 */
export function keptAddresses(eni: EniView): AddressView[] {
  if (eni.leaving === "agreed" || isElsewhere(eni) || eni.staysDetached) return [];
  return eni.addresses.filter((a) => {
    if (!a.assigned || a.reserved || a.reclaim === "agreed") return false;
    if (a.use === "in-use") return true;
    return a.reclaim === "no" && (a.use === "unknown" || !isEmptying(eni));
  });
}

/** Secondary addresses that the node may have in all. */
export function capacityOf({ limit }: Pick<NodeView, "limit">): number {
  return Math.min(limit.addresses, limit.enis * limit.addressesPerEni);
}

/** ENIs that take a place of the instance's quota, or are about to. */
export function placesTaken({ enis, creating }: Pick<NodeView, "enis" | "creating">): number {
  return (
    enis.filter((eni) => !isElsewhere(eni) && !eni.staysDetached).length + (creating === undefined ? 0 : 1)
  );
}

/** Addresses that pods have or can have, those of an ENI that is being made included. */
export function boundCount(view: Pick<NodeView, "enis" | "creating">): number {
  return view.enis.reduce((sum, eni) => sum + keptAddresses(eni).length, view.creating?.addresses ?? 0);
}
