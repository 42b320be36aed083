import type { Attachment, AttachmentKey } from "./attachment.ts";
import type { AddressObject, EniClaim, Growth, PooledAddress } from "./pool-state.ts";
import type { Stranger } from "./strangers.ts";
import type { HeldSlots } from "./unasked.ts";

/** What an object said when it was read. */
export interface ObservedObject extends AddressObject {
  address: string;
  /** Token that an earlier life of this agent published as refused. */
  refusedToken?: string | undefined;
}

/** All that can happen to the pool. */
export type PoolEvent =
  /** The store is trusted: from now on addresses are handed out. */
  | { type: "opened" }
  /** The Node object named its instance. */
  | { type: "instance-known"; instanceId: string }
  | { type: "object-seen"; object: ObservedObject }
  | { type: "object-gone"; address: string }
  /** A complete list: what is not in it is gone. */
  | { type: "objects-listed"; objects: readonly ObservedObject[] }
  /** What the VpcENI objects say, all of them. */
  | { type: "claims-listed"; claims: ReadonlyMap<string, Omit<EniClaim, "promise">> }
  /** ENIs that are up and set up, all of them. */
  | { type: "enis-ready"; eniIds: ReadonlySet<string> }
  | { type: "allocate"; waiter: number; attachment: Attachment; netns: string; ownOnly?: boolean }
  /** The caller's time is up, or it has hung up. */
  | { type: "give-up"; waiter: number }
  | { type: "release"; attachment: AttachmentKey }
  /** Aliases (container ids) of all veths on this host, from a read that began at `readAt` (monotonic). */
  | { type: "veths-read"; containerIds: ReadonlySet<string>; readAt: number }
  /** Holders of addresses that the kernel shows and the pool does not know, all of them. */
  | { type: "strangers-seen"; strangers: readonly Stranger[] }
  /** What became of the object of an address that a pod holds. */
  | { type: "orphan-judged"; address: string; orphan: NonNullable<PooledAddress["orphan"]> }
  /** Slots that the kubelet was last offered, or that pods may still hold. */
  | { type: "slots-offered"; count: number }
  /** Which pods hold slots, as the kubelet says. */
  | { type: "slots-held"; held: HeldSlots }
  /** What ipamd says of how this node may grow. */
  | { type: "growth-known"; growth: Growth }
  /** Time has passed. */
  | { type: "tick" };
