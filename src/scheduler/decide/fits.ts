import type { ClaimView, NodeView, PodView, SubnetView, World } from "./world.ts";

/**
 * Why a pod cannot go to a node, in TKE's words. A text that changes has the scheduler ask in a loop: they are of a fixed set, and say
 * nothing of the pod.
 */
export const REASONS = {
  /** No subnet that the pod may use has an address left here, or the node has no room for one. */
  insufficient: "[ip-scheduler] InsufficientIPorENI",
  /** The pod's address is of a subnet in which the node has no ENI with room, and cannot have one. */
  eniLimit: "[ip-scheduler] ENILimitExceed",
  /** The node is no node of ours, or is to have no ENIs. */
  noEnis: "[ip-scheduler] NodeWithoutENI",
} as const;

export type Reason = (typeof REASONS)[keyof typeof REASONS];

export interface Fit {
  /** Subnet that the pod's address is or would be of. */
  readonly subnetId: string;
  /** An ENI of the node in that subnet has room: no other has to be made. */
  readonly hasEni: boolean;
}

/** What filter, preempt and bind ask of a node: what they see is `tally`, made once for all nodes of a call. */
export function fits(
  pod: PodView,
  node: NodeView | undefined,
  { world, tally }: { world: World; tally: Tally },
): Fit | Reason {
  if (node === undefined || node.disabled) return REASONS.noEnis;
  const claim = world.claims.get(pod.key);
  if (claim?.address !== undefined)
    return fitsClaim({ ...claim, address: claim.address }, node, { world, tally });
  const fitting = allowedSubnets(pod, node, world).flatMap((subnet): (Fit & { left: number })[] => {
    const free = left(subnet, { tally, pod });
    const room = free > 0 ? roomFor(subnet, node, { tally, pod }) : undefined;
    return room === undefined ? [] : [{ subnetId: subnet.id, hasEni: room === "eni", left: free }];
  });
  // An ENI that is there comes first; else the subnet with most addresses left.
  const [best] = fitting.toSorted((a, b) => Number(b.hasEni) - Number(a.hasEni) || b.left - a.left);
  return best === undefined ? REASONS.insufficient : { subnetId: best.subnetId, hasEni: best.hasEni };
}

/** An address that is there needs room on an ENI of its subnet, unless it is bound here already; of the subnet itself it takes none. */
function fitsClaim(
  claim: ClaimView & { readonly address: string },
  node: NodeView,
  { world, tally }: { world: World; tally: Tally },
): Fit | Reason {
  const { subnetId } = claim;
  if (world.addresses.get(claim.address)?.node === node.name) return { subnetId, hasEni: true };
  const subnet = world.subnets.get(subnetId);
  if (subnet === undefined) return REASONS.eniLimit;
  const room = roomFor(subnet, node, { tally, pod: { key: claim.key, uid: "" } });
  return room === undefined ? REASONS.eniLimit : { subnetId, hasEni: room === "eni" };
}

/** Subnets of the node's zone that a new address of the pod may be of. */
function allowedSubnets(pod: PodView, node: NodeView, world: World): SubnetView[] {
  const named =
    pod.nominated.length > 0 ? pod.nominated : node.labelled.length > 0 ? node.labelled : world.configured;
  return named.flatMap((id) => {
    const subnet = world.subnets.get(id);
    return subnet?.active && subnet.zone === node.zone ? [subnet] : [];
  });
}

/** What has been promised already, counted once. */
export interface Tally {
  /** Addresses of a subnet that are spoken for and that its last reading does not show. */
  readonly spokenFor: ReadonlyMap<string, number>;
  /** Subnets of the claims on a node whose address is not there yet, once for each claim. */
  readonly awaited: ReadonlyMap<string, readonly string[]>;
  /** UIDs of pods that hold a reservation, by subnet and by node. */
  readonly reservedIn: ReadonlyMap<string, ReadonlySet<string>>;
  readonly reservedOn: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Counts what has been promised. @param now wall clock, ms */
export function tallyOf(world: World, now: number): Tally {
  const spokenFor = new Map<string, number>();
  const awaited = new Map<string, string[]>();
  const nodeOfClaim = new Map<string, string>();
  for (const { subnetId, node, claim, createdAt } of world.addresses.values()) {
    if (claim !== undefined) nodeOfClaim.set(claim, node);
    if (createdAt > (world.subnets.get(subnetId)?.readAt ?? 0)) add(spokenFor, subnetId);
  }
  for (const { key, subnetId, address, node } of world.claims.values()) {
    if (address === undefined) add(spokenFor, subnetId);
    if (node === undefined || nodeOfClaim.get(key) === node) continue;
    const there = awaited.get(node);
    if (there === undefined) awaited.set(node, [subnetId]);
    else there.push(subnetId);
  }
  const reservedIn = new Map<string, Set<string>>();
  const reservedOn = new Map<string, Set<string>>();
  for (const { podUid, nodes, subnets, expiresAt } of world.reservations) {
    if (expiresAt <= now) continue;
    for (const subnet of subnets) note(reservedIn, subnet, podUid);
    for (const node of nodes) note(reservedOn, node, podUid);
  }
  return { spokenFor, awaited, reservedIn, reservedOn };
}

/** Addresses left in a subnet for this pod: its own reservation does not stand in its way. */
function left(subnet: SubnetView, { tally, pod }: { tally: Tally; pod: Pick<PodView, "uid"> }): number {
  if (subnet.free === undefined) return 0;
  const reserved = othersIn(tally.reservedIn.get(subnet.id), pod.uid);
  return subnet.free - (tally.spokenFor.get(subnet.id) ?? 0) - reserved;
}

/** Whether the node has room for one more address of the subnet: on an ENI that is there, or on another one. */
function roomFor(
  { id, zone }: SubnetView,
  { name, enis, limit, zone: nodeZone }: NodeView,
  { tally, pod }: { tally: Tally; pod: Pick<PodView, "key" | "uid"> },
): "eni" | "new-eni" | undefined {
  const reserved = othersIn(tally.reservedOn.get(name), pod.uid);
  const assigned = enis.reduce((sum, { addresses }) => sum + addresses, 0);
  const awaited = tally.awaited.get(name) ?? [];
  if (assigned + awaited.length + reserved >= limit.addresses) return undefined;
  const own = enis.filter(({ subnetId }) => subnetId === id);
  const room = own.reduce((free, { addresses }) => free + Math.max(0, limit.addressesPerEni - addresses), 0);
  // Whoever has a reservation on the node may come to the same ENI.
  if (room > awaited.filter((subnetId) => subnetId === id).length + reserved) return "eni";
  return enis.length < limit.enis && zone === nodeZone ? "new-eni" : undefined;
}

function othersIn(uids: ReadonlySet<string> | undefined, uid: string): number {
  return uids === undefined ? 0 : uids.size - (uids.has(uid) ? 1 : 0);
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function note(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
