import { enisToMake } from "./enis-to-make.ts";
import { activeByZone, namedSubnets, type Question, type SubnetLeft, toldOf } from "./question.ts";
import { type Obstacle, REASONS, refusal } from "./refusal.ts";
import type { CountedNode, Fit, ReservedOnNode, ReservedOnNodeInSubnet, SubnetView } from "./world.ts";

/** How a node has room for one more address of a subnet. */
interface Room {
  /** An ENI that is there or awaited has a place for it that nobody else was let pass for. */
  readonly hasEni: boolean;
  /** ENIs that the node needs more, should all come that were let pass. */
  readonly more: number;
}

interface Rank {
  readonly subnetId: string;
  readonly hasEni: boolean;
  readonly left: number;
}

/** What filter, preempt and bind ask of a node: where the pod's address would be, or the text of its refusal. */
export function fits(question: Question, node: CountedNode | undefined): Fit | string {
  if (node === undefined || node.disabled) return REASONS.noEnis;
  if (question.fixed !== undefined) return fitsFixed(question, node, question.fixed);
  const coming = comingTo(node, question);
  const obstacles: (readonly [SubnetView, Obstacle])[] = [];
  let best: (Rank & { readonly fit: Fit }) | undefined;
  for (const subnet of allowed(question, node)) {
    const room = roomFor(subnet, node, coming);
    const left = leftOf(subnet, question);
    const obstacle = typeof room === "string" ? room : lackFor(question, { left, room });
    if (typeof room === "string" || obstacle !== undefined) {
      obstacles.push([subnet, obstacle ?? "left"]);
      continue;
    }
    const fit = room.hasEni ? left.onEni : left.onNewEni;
    const found = { ...fit, left: left.addresses ?? 0, fit };
    if (best === undefined || isBetter(found, best)) best = found;
  }
  if (best === undefined) {
    const named = obstacles.length === 0 ? namedSubnets(question, node) : [];
    return refusal(REASONS.insufficient, { node, obstacles, named });
  }
  return best.fit;
}

/** An ENI that is there comes first, else the subnet with most addresses left; their names where nothing else decides, so that it is always the same. */
export function isBetter(a: Rank, b: Rank): boolean {
  if (a.hasEni !== b.hasEni) return a.hasEni;
  return a.left === b.left ? a.subnetId < b.subnetId : a.left > b.left;
}

/** An address that is there needs room on an ENI of its subnet, unless it is bound here already; of the subnet it takes an ENI's at most. */
function fitsFixed(
  question: Question,
  node: CountedNode,
  { subnetId, at }: NonNullable<Question["fixed"]>,
): Fit | string {
  // Another machine may have had the node's name: its ENIs are not this one's, nor is its zone.
  const isHere = at?.node === node.name && node.enis.some(({ id }) => id === at.eniId);
  if (isHere) return { subnetId, hasEni: true, takes: 0 };
  const subnet = question.world.subnets.get(subnetId);
  if (subnet === undefined)
    return refusal(REASONS.eniLimit, { node, obstacles: [], named: [toldOf(subnetId, question)] });
  const room = roomFor(subnet, node, comingTo(node, question));
  if (typeof room === "string")
    return refusal(REASONS.eniLimit, { node, obstacles: [[subnet, room]], named: [] });
  const left = leftOf(subnet, question);
  const lack = lackFor(question, { left, room });
  if (lack === undefined) return room.hasEni ? left.onEni : left.onNewEni;
  return refusal(REASONS.insufficient, { node, obstacles: [[subnet, lack]], named: [] });
}

/** Of these, those of the node's zone that a new address may be of. */
function allowed(question: Question, node: CountedNode): readonly SubnetView[] {
  const isByNode =
    question.only === undefined && question.pod.nominated.length === 0 && node.labelled.length > 0;
  const byZone = isByNode ? activeByZone(node.labelled, question.world) : question.usual;
  return byZone.get(node.zone) ?? [];
}

/** Addresses left in a subnet for this pod, which are the same for all nodes. */
export function leftOf({ id, free }: SubnetView, question: Question): SubnetLeft {
  const { world, own, fixed, left } = question;
  const counted = left.get(id);
  if (counted !== undefined) return counted;
  const { addresses, makers, pods, sure } = world.reserved.inSubnet(id);
  let enis = 0;
  const { numbers } = world.rooms;
  // More than one for each of them is none can have.
  for (let number = 0; number < numbers.size && enis <= makers; number++) {
    const reserved = pods.at(number);
    if (reserved === sure.at(number)) continue;
    const node = world.nodes.get(numbers.nameOf(number));
    if (node === undefined) continue;
    const awaited = awaitedFor(id, node, comingTo(node, question));
    enis += enisToMake(node, id, awaited + reserved) - enisToMake(node, id, awaited);
  }
  const takes = fixed !== undefined || own?.subnetId === id ? 0 : 1;
  const promised = (world.spokenFor.get(id) ?? 0) - (own?.subnetId === id ? own.spokenFor : 0);
  const made = {
    addresses: free === undefined ? undefined : free - promised - addresses - Math.min(makers, enis),
    makers,
    enis,
    onEni: { subnetId: id, hasEni: true, takes },
    onNewEni: { subnetId: id, hasEni: false, takes },
  } as const;
  left.set(id, made);
  return made;
}

/** Addresses that ENIs may take more, should this pod come to the node. */
function moreEnis({ makers, enis }: SubnetLeft, { hasEni, more }: Room): number {
  return Math.min(makers + (hasEni ? 0 : 1), enis + more) - Math.min(makers, enis);
}

/** What is in the way of an address of a subnet where a node has room for it. */
export function lackFor(
  { fixed }: Question,
  { left, room }: { left: SubnetLeft; room: Room },
): Obstacle | undefined {
  // An address that it has is promised to it already: that it is not counted as left does not matter where no ENI has to be made.
  if (fixed !== undefined && moreEnis(left, room) === 0) return undefined;
  const itself = fixed?.at === undefined ? 1 : 0;
  if (left.addresses === undefined) return "unread";
  if (left.addresses >= itself + moreEnis(left, room)) return undefined;
  return room.hasEni ? "left" : "left-for-eni";
}

/** What may come to a node for others. */
interface Coming {
  readonly reserved: ReservedOnNode;
  /** Subnet of the address that the pod's own claim awaits there. */
  readonly ownIn: string | undefined;
}

function comingTo({ name }: CountedNode, { world, own }: Question): Coming {
  return { reserved: world.reserved.onNode(name), ownIn: own?.node === name ? own.subnetId : undefined };
}

/** Addresses of a subnet that come to the node for claims of other pods. */
function awaitedFor(subnetId: string, node: CountedNode, { ownIn }: Coming): number {
  return (node.inSubnet.get(subnetId)?.awaited ?? 0) - (subnetId === ownIn ? 1 : 0);
}

/** Whether the node has room for one more address of the subnet: on an ENI that is there or awaited, or on another one. */
function roomFor(subnet: SubnetView, node: CountedNode, coming: Coming): Room | Obstacle {
  const { limit } = node;
  const { reserved, ownIn } = coming;
  if (node.addresses - (ownIn === undefined ? 0 : 1) + reserved.pods >= limit.addresses) return "addresses";
  const awaited = awaitedFor(subnet.id, node, coming);
  const { pods, sure } = reserved.inSubnet.get(subnet.id) ?? NOBODY;
  const withIt = enisToMake(node, subnet.id, awaited + pods + 1);
  if (withIt === 0) return ROOM_ON_ENI;
  // Also where claims await an ENI there: their pods were sent to a machine that had the node's name, and none will come.
  if (subnet.zone !== node.zone) return "zone";
  const standing = enisToMake(node, subnet.id, awaited);
  const room = {
    hasEni: enisToMake(node, subnet.id, awaited + sure + 1) === standing,
    more: withIt - enisToMake(node, subnet.id, awaited + pods),
  };
  if (withIt === standing) return room;
  return node.enis.length + enisToMakeElsewhere(subnet, node, coming) + withIt > limit.enis ? "enis" : room;
}

const NOBODY: ReservedOnNodeInSubnet = { pods: 0, sure: 0 };

/** As most nodes have it: the answer is one for all of them. */
const ROOM_ON_ENI: Room = { hasEni: true, more: 0 };

/** ENIs that the node lacks for what may come to it of other subnets. */
function enisToMakeElsewhere({ id: subnetId }: SubnetView, node: CountedNode, coming: Coming): number {
  const { inSubnet } = coming.reserved;
  let enis = 0;
  for (const id of node.inSubnet.keys()) {
    const pods = inSubnet.get(id)?.pods ?? 0;
    if (id !== subnetId) enis += enisToMake(node, id, awaitedFor(id, node, coming) + pods);
  }
  for (const [id, { pods }] of inSubnet) {
    if (id !== subnetId && !node.inSubnet.has(id)) enis += enisToMake(node, id, pods);
  }
  return enis;
}
