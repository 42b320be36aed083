import { enisToMake } from "./enis-to-make.ts";
import type { Question } from "./question.ts";
import { type Obstacle, REASONS, refusal } from "./refusal.ts";
import type { Fit, NodeView, SubnetView } from "./world.ts";

/** What filter, preempt and bind ask of a node: where the pod's address would be, or the text of its refusal. */
export function fits(question: Question, node: NodeView | undefined): Fit | string {
  if (node === undefined || node.disabled) return REASONS.noEnis;
  if (question.fixed !== undefined) return fitsFixed({ ...question, fixed: question.fixed }, node);
  const named = namedSubnets(question, node);
  const obstacles: (readonly [SubnetView, Obstacle])[] = [];
  let best: { subnetId: string; hasEni: boolean; left: number } | undefined;
  for (const subnet of allowed(named, question, node)) {
    const room = roomFor(subnet, node, question);
    const left = leftOf(subnet, question);
    const obstacle = typeof room === "string" ? room : lackOf(left, room.hasEni ? 1 : 2);
    if (typeof room === "string" || obstacle !== undefined) {
      obstacles.push([subnet, obstacle ?? "left"]);
      continue;
    }
    // An ENI that is there comes first; else the subnet with most addresses left.
    const better =
      best === undefined || (room.hasEni === best.hasEni ? (left ?? 0) > best.left : room.hasEni);
    if (better) best = { subnetId: subnet.id, hasEni: room.hasEni, left: left ?? 0 };
  }
  if (best === undefined) return refusal(REASONS.insufficient, { node, obstacles, named });
  return placeOn(node, best);
}

/** An address that is there needs room on an ENI of its subnet, unless it is bound here already; of the subnet it takes an ENI's at most. */
function fitsFixed(
  question: Question & { fixed: NonNullable<Question["fixed"]> },
  node: NodeView,
): Fit | string {
  const { subnetId, at } = question.fixed;
  if (at?.node === node.name) return placeOn(node, { subnetId, hasEni: true });
  const subnet = question.world.subnets.get(subnetId);
  if (subnet === undefined) return refusal(REASONS.eniLimit, { node, obstacles: [], named: [subnetId] });
  const room = roomFor(subnet, node, question);
  if (typeof room === "string")
    return refusal(REASONS.eniLimit, { node, obstacles: [[subnet, room]], named: [] });
  // Its own address is promised to it already.
  const lack = room.hasEni ? undefined : lackOf(leftOf(subnet, question), at === undefined ? 2 : 1);
  if (lack === undefined) return placeOn(node, { subnetId, hasEni: room.hasEni });
  return refusal(REASONS.insufficient, { node, obstacles: [[subnet, lack]], named: [] });
}

/** Subnets that the pod or the node names for it, or that are configured. */
function namedSubnets({ pod, only, world }: Question, node: NodeView): readonly string[] {
  if (only !== undefined) return [only.id];
  if (pod.nominated.length > 0) return pod.nominated;
  return node.labelled.length > 0 ? node.labelled : world.configured;
}

/** Of these, those of the node's zone that a new address may be of. */
function allowed(named: readonly string[], { world }: Question, node: NodeView): SubnetView[] {
  return named.flatMap((id) => {
    const subnet = world.subnets.get(id);
    return subnet?.active && subnet.zone === node.zone ? [subnet] : [];
  });
}

/** Addresses left in a subnet for this pod; undefined while they are not known. */
function leftOf(subnet: SubnetView, { world, own }: Question): number | undefined {
  if (subnet.free === undefined) return undefined;
  const spokenFor = world.promised.spokenFor.get(subnet.id) ?? 0;
  const itself = own?.subnetId === subnet.id ? own.spokenFor : 0;
  return subnet.free - spokenFor + itself - world.reserved.inSubnet(subnet.id);
}

function lackOf(left: number | undefined, needed: number): Obstacle | undefined {
  if (left === undefined) return "unread";
  if (left >= needed) return undefined;
  return needed === 2 ? "left-for-eni" : "left";
}

/** Whether the node has room for one more address of the subnet: on an ENI that is there or awaited, or on another one. */
function roomFor(
  subnet: SubnetView,
  node: NodeView,
  { world, own }: Question,
): { readonly hasEni: boolean } | Obstacle {
  const { limit, enis, creatingIn } = node;
  const awaited = world.promised.awaited.get(node.name);
  const reserved = world.reserved.onNode(node.name);
  const awaitedIn = (id: string) =>
    (awaited?.get(id) ?? 0) - (own?.node === node.name && own.subnetId === id ? 1 : 0);
  const subnets = new Set([...(awaited?.keys() ?? []), ...reserved.keys()]);
  if (creatingIn !== undefined) subnets.add(creatingIn);
  let addresses = 0;
  for (const eni of enis) addresses += eni.addresses;
  let toMake = 0;
  for (const id of subnets) {
    const coming = awaitedIn(id) + (reserved.get(id) ?? 0);
    addresses += coming;
    if (id !== subnet.id) toMake += enisToMake(node, id, coming);
  }
  if (addresses >= limit.addresses) return "addresses";
  const withIt = enisToMake(node, subnet.id, awaitedIn(subnet.id) + (reserved.get(subnet.id) ?? 0) + 1);
  // What others may take is counted as if they came here: whoever is first of them has the ENI made.
  if (withIt === enisToMake(node, subnet.id, awaitedIn(subnet.id))) return { hasEni: true };
  if (subnet.zone !== node.zone) return "zone";
  return enis.length + toMake + withIt > limit.enis ? "enis" : { hasEni: false };
}

function placeOn({ limit }: NodeView, { subnetId, hasEni }: Pick<Fit, "subnetId" | "hasEni">): Fit {
  return { subnetId, hasEni, eniHolds: limit.addressesPerEni };
}
