import type { Reclaim } from "../../api/reclaim.ts";
import type { Attachment } from "./attachment.ts";
import type { Stranger } from "./strangers.ts";
import type { HeldSlots } from "./unasked.ts";

/** What a VpcIP object says of an address. */
export interface AddressObject {
  /** Another UID under the same name is another life of the address: the cloud had it back in between. */
  uid: string;
  eniId: string;
  subnetId: string;
  instanceId: string;
  /** `namespace/name` of the pod that the address is for; undefined: for any. */
  claim?: string | undefined;
  reclaim?: Reclaim | undefined;
}

/** Nobody holds the address, and its cool-down is over. */
export interface Free {
  kind: "free";
  /** Wall clock. */
  since: number;
  /** Monotonic clock: who has rested longest is handed out first. */
  restingSince: number;
}

export interface InUse {
  kind: "in-use";
  attachment: Attachment;
  /** Network namespace that the caller named; kept for diagnosis. */
  netns: string;
  since: number;
}

/** Stands for the namespace of a holder that no caller named: its veth alone told of it when the store was lost. */
export const FOUND_BY_VETH = "(found by its veth)";

/** Given back a moment ago: connections of the old holder may still arrive. */
export interface CoolingDown {
  kind: "cooling-down";
  /** The last holder; its veth must be seen gone before anybody else gets the address. */
  containerId: string;
  ifName: string;
  since: number;
  restingSince: number;
  vethGone: boolean;
}

/** Promised back to ipamd. A one-way door: this life of the address ends with the object. */
export interface Reclaimable {
  kind: "reclaimable";
  token: string;
  since: number;
}

export type Holding = Free | InUse | CoolingDown | Reclaimable;

/** One address that this node has, or that a pod of this node still holds. */
export interface PooledAddress {
  address: string;
  /** ENI that it is assigned to, also after its object has gone. */
  eniId: string;
  subnetId: string;
  /** Missing when the object has gone: the address is then never handed out again. */
  object?: AddressObject | undefined;
  /**
   * What became of the object that has gone while a pod holds the address: there is none any more, or it names another machine.
   * Undefined while that is not known.
   */
  orphan?: "absent" | "elsewhere" | undefined;
  /** The reclaim token that was refused: the same token is never granted later, its asker has moved on. */
  refusedToken?: string | undefined;
  holding: Holding;
}

/** What a VpcENI object asks of this node. */
export interface EniClaim {
  uid: string;
  reclaim?: Reclaim | undefined;
  refusedToken?: string | undefined;
  /** The ENI is promised back: none of its addresses is ever handed out again. A one-way door, as for an address. */
  promise?: Reclaimable | undefined;
}

/** A caller that waits until an address is free. */
export interface Waiter {
  id: number;
  attachment: Attachment;
  netns: string;
  /** It takes no address but one that is for its pod. */
  ownOnly: boolean;
}

/** What ipamd says of how this node may grow. */
export interface Growth {
  /** Addresses that it could still get; 0 while that is not known. */
  readonly room: number;
  /** Addresses that it had when that was said; undefined: not said. */
  readonly assigned?: number | undefined;
  /** None are kept ready: the first comes when a pod needs one. */
  readonly onDemand: boolean;
  /** Slots to be offered whatever addresses there are, where each address comes with its pod; undefined: addresses say how many. */
  readonly slots?: number | undefined;
}

/** Before ipamd has said anything, and when what it said was about another machine. */
export const UNKNOWN_GROWTH: Growth = { room: 0, onDemand: false };

/** Everything the pool knows. Never changed in place: each event gives a new one. */
export interface PoolState {
  /** Nothing is handed out or promised before the store has been read, or recovered when it was lost. */
  readonly open: boolean;
  /** Instance that this node is; unknown before the Node object was seen. */
  readonly instanceId: string | undefined;
  readonly coolDownMs: number;
  readonly addresses: ReadonlyMap<string, PooledAddress>;
  /** ENIs whose link is up here, with routes and rules in place. */
  readonly readyEnis: ReadonlySet<string>;
  /** By ENI id, those that have an object. */
  readonly claims: ReadonlyMap<string, EniClaim>;
  /** Holders that the last read of the kernel showed and that were not known then. */
  readonly strangers: readonly Stranger[];
  /** Callers in the order in which they came. */
  readonly waiters: readonly Waiter[];
  /** Slots that the kubelet may hand to pods: so many addresses stay out of reclaim. */
  readonly offeredSlots: number;
  /** Which pods hold slots; undefined while the kubelet has not told. */
  readonly heldSlots: HeldSlots | undefined;
  readonly growth: Growth;
  /** The last caller that had to wait went away with nothing. */
  readonly starved: boolean;
}

/** A pool with nothing in it, closed until it is opened by the event `opened`. */
export function emptyPool(options: { coolDownMs: number; instanceId?: string | undefined }): PoolState {
  return {
    open: false,
    instanceId: options.instanceId,
    coolDownMs: options.coolDownMs,
    addresses: new Map(),
    readyEnis: new Set(),
    claims: new Map(),
    strangers: [],
    waiters: [],
    offeredSlots: 0,
    heldSlots: undefined,
    growth: UNKNOWN_GROWTH,
    starved: false,
  };
}
