import { add, addWithin } from "./counts.ts";
import { enisToMake } from "./enis-to-make.ts";
import type { AddressView, ClaimView, ClusterParts, ClusterView, SubnetView } from "./world.ts";

/** What claims have been promised, by the state of the cluster alone: it changes only when that does. */
export interface Promised {
  /** Addresses of a subnet that are spoken for and that its last reading does not show, those of ENIs to be made included. */
  readonly spokenFor: ReadonlyMap<string, number>;
  /** Addresses that are to come to a node for claims, by node and subnet. */
  readonly awaited: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What a claim itself adds to what is promised: that does not stand in the way of its own pod. */
export interface OwnPart {
  readonly subnetId: string;
  /** Addresses of that subnet. */
  readonly spokenFor: number;
  /** Node that awaits its address. */
  readonly node: string | undefined;
}

/** Counts once what every decision needs. */
export function clusterView(parts: ClusterParts): ClusterView {
  const bound = new Map<string, AddressView>();
  const spokenFor = new Map<string, number>();
  for (const address of parts.addresses.values()) {
    if (address.claim !== undefined) {
      const other = bound.get(address.claim);
      bound.set(address.claim, latest(other === undefined ? [address] : [other, address]) ?? address);
    }
    if (isUnread(address, parts.subnets.get(address.subnetId))) add(spokenFor, address.subnetId);
  }
  const claimants = new Map<string, string[]>();
  const awaited = new Map<string, Map<string, number>>();
  for (const claim of parts.claims.values()) {
    if (claim.address !== undefined) {
      const others = claimants.get(claim.address);
      if (others === undefined) claimants.set(claim.address, [claim.key]);
      else others.push(claim.key);
    }
    const at = bound.get(claim.key);
    const subnetId = at?.subnetId ?? claim.subnetId;
    if (at === undefined) add(spokenFor, subnetId);
    const node = awaitedOn(claim, at);
    if (node !== undefined) addWithin(awaited, [node, subnetId]);
  }
  for (const node of parts.nodes.values()) {
    const { name, creatingIn } = node;
    const here = awaited.get(name);
    for (const [subnetId, count] of here ?? []) add(spokenFor, subnetId, enisToMake(node, subnetId, count));
    if (creatingIn !== undefined && here?.has(creatingIn) !== true) add(spokenFor, creatingIn);
  }
  return { ...parts, bound, claimants, promised: { spokenFor, awaited } };
}

/** What this claim adds; nothing where it is on its way out, since then its pod waits for another one. */
export function ownPart(
  claim: ClaimView | undefined,
  { bound, nodes, promised }: ClusterView,
): OwnPart | undefined {
  if (claim === undefined || claim.leaving) return undefined;
  const at = bound.get(claim.key);
  const subnetId = at?.subnetId ?? claim.subnetId;
  const name = awaitedOn(claim, at);
  const node = name === undefined ? undefined : nodes.get(name);
  let enis = 0;
  if (node !== undefined) {
    const count = promised.awaited.get(node.name)?.get(subnetId) ?? 0;
    enis = enisToMake(node, subnetId, count) - enisToMake(node, subnetId, count - 1);
  }
  return { subnetId, spokenFor: (at === undefined ? 1 : 0) + enis, node: name };
}

/** Whether an address came after the reading of its subnet, and is not in it. */
export function isUnread({ since }: AddressView, subnet: SubnetView | undefined): boolean {
  return since > (subnet?.readAt ?? 0);
}

/** Of addresses that are bound for one claim, the one that was bound last; undefined where there is none. */
export function latest(addresses: readonly AddressView[]): AddressView | undefined {
  let last: AddressView | undefined;
  for (const address of addresses) {
    const isLater =
      last === undefined ||
      address.since > last.since ||
      (address.since === last.since && address.address > last.address);
    if (isLater) last = address;
  }
  return last;
}

/** The node to which an address is to come for the claim; undefined where none is. */
export function awaitedOn(claim: ClaimView, at: AddressView | undefined): string | undefined {
  return claim.leaving || at?.node === claim.node ? undefined : claim.node;
}
