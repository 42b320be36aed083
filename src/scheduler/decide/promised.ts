import { enisToMake } from "./enis-to-make.ts";
import type { AddressView, ClaimView, ClusterView, SubnetView } from "./world.ts";

/** What a claim itself adds to what is promised: that does not stand in the way of its own pod. */
export interface OwnPart {
  readonly subnetId: string;
  /** Addresses of that subnet. */
  readonly spokenFor: number;
  /** Node that awaits its address. */
  readonly node: string | undefined;
}

/** What this claim adds; nothing where it is on its way out, since then its pod waits for another one. */
export function ownPart(claim: ClaimView | undefined, { bound, nodes }: ClusterView): OwnPart | undefined {
  if (claim === undefined || claim.leaving) return undefined;
  const at = bound.get(claim.key);
  const subnetId = at?.subnetId ?? claim.subnetId;
  const name = awaitedOn(claim, at);
  const node = name === undefined ? undefined : nodes.get(name);
  let enis = 0;
  if (node !== undefined) {
    const count = node.inSubnet.get(subnetId)?.awaited ?? 0;
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
