import { POD_ANNOTATIONS } from "../../api/annotations.ts";
import { placeInCidr } from "../../api/place-in-cidr.ts";
import { type OwnPart, ownPart } from "./promised.ts";
import { REASONS } from "./refusal.ts";
import type { AddressView, ClusterView, Fit, NodeView, PodView, SubnetView, World } from "./world.ts";

/** What is left of a subnet for a pod. */
export interface SubnetLeft {
  /** Undefined while it is not known. */
  readonly addresses: number | undefined;
  /** Pods that may need another ENI there, and ENIs that they would need if all of them came to each of their nodes: the less of both counts. */
  readonly makers: number;
  readonly enis: number;
  /** What the pod would take of it, with an ENI that has room and with another one. */
  readonly onEni: Fit;
  readonly onNewEni: Fit;
}

/** What is the same of a pod for all nodes. */
export interface Question {
  readonly pod: PodView;
  readonly world: World;
  /** The address that it has under its name. */
  readonly fixed: { readonly subnetId: string; readonly at: AddressView | undefined } | undefined;
  /** The only subnet that it may use, by the address that it names. */
  readonly only: SubnetView | undefined;
  /** What its own claim has been promised already. */
  readonly own: OwnPart | undefined;
  /** What is left of subnets for it, as far as that has been counted. */
  readonly left: Map<string, SubnetLeft>;
  /** Subnets that a new address may be of, by zone, on nodes that name none themselves. */
  readonly usual: ReadonlyMap<string, readonly SubnetView[]>;
}

/** @returns the text by which every node is refused, where nothing can be done for the pod anywhere */
export function questionOf(pod: PodView, world: World): Question | string {
  if (pod.mistake !== undefined) return `${REASONS.annotation}: ${pod.mistake}`;
  const claim = world.claims.get(pod.key);
  const own = ownPart(claim, world);
  const address = fixedAddress(pod.key, world);
  if (address !== undefined) {
    const at = world.bound.get(pod.key);
    const subnetId = at?.subnetId ?? (claim?.subnetId || (subnetWith(address, world)?.id ?? ""));
    if (subnetId === "") return `${REASONS.eniLimit}: its address ${address} is of no container subnet`;
    return { pod, world, own, only: undefined, fixed: { subnetId, at }, left: new Map(), usual: new Map() };
  }
  const only = pod.address === undefined ? undefined : nominated(pod.address, { pod, world });
  if (typeof only === "string") return only;
  const named = only !== undefined ? [only.id] : pod.nominated.length > 0 ? pod.nominated : world.configured;
  const usual = activeByZone(named, world);
  return { pod, world, own, only, fixed: undefined, left: new Map(), usual };
}

/** Subnets that the pod or the node names for it, or that are configured, as they are told of. */
export function namedSubnets(question: Question, node: NodeView): readonly string[] {
  return subnetsFor(question, node).map((id) => toldOf(id, question));
}

/** A subnet's id, and that it is none where it is none. */
export function toldOf(id: string, { world: { subnets } }: Question): string {
  return subnets.has(id) ? id : `${id} (which is not configured)`;
}

function subnetsFor({ pod, only, world }: Question, node: NodeView): readonly string[] {
  if (only !== undefined) return [only.id];
  if (pod.nominated.length > 0) return pod.nominated;
  return node.labelled.length > 0 ? node.labelled : world.configured;
}

/** Of these subnets, those that new addresses may be of. */
export function activeByZone(
  named: readonly string[],
  { subnets }: ClusterView,
): ReadonlyMap<string, readonly SubnetView[]> {
  const active = named.flatMap((id) => {
    const subnet = subnets.get(id);
    return subnet?.active ? [subnet] : [];
  });
  return Map.groupBy(active, ({ zone }) => zone);
}

/** The address that the pod of this key has by its claim; one that is being deleted says nothing of the next pod's. */
export function fixedAddress(key: string, { claims, bound }: ClusterView): string | undefined {
  const claim = claims.get(key);
  return claim === undefined || claim.leaving ? undefined : (bound.get(key)?.address ?? claim.address);
}

function nominated(address: string, { pod, world }: { pod: PodView; world: World }): SubnetView | string {
  const says = `${REASONS.annotation}: ${POD_ANNOTATIONS.nominatedAddress} is "${address}"`;
  const subnet = subnetWith(address, world);
  if (subnet === undefined)
    return `${says}, which is of no container subnet: name an address of one, or none`;
  if (placeInCidr(address, subnet.cidr) === "reserved")
    return `${says}, which ${subnet.id} keeps for itself: name another address, or none`;
  if (!subnet.active)
    return `${says}, and ${subnet.id} gives no new addresses: name one of another subnet, or none`;
  const holder = holderOf(address, { pod, world });
  if (holder === undefined) return subnet;
  return `${REASONS.addressInUse}: ${POD_ANNOTATIONS.nominatedAddress} is "${address}", which ${holder} has: name another address, or have that one given back`;
}

/** Who else has the address, as far as the cluster tells: the same as long as that does. */
function holderOf(address: string, { pod, world }: { pod: PodView; world: World }): string | undefined {
  const [claimant] = (world.claimants.get(address) ?? []).filter((key) => key !== pod.key).sort();
  if (claimant !== undefined) return `the claim ${claimant}`;
  const bound = world.addresses.get(address);
  if (bound !== undefined && bound.claim !== pod.key)
    return bound.claim === undefined ? bound.node : `the claim ${bound.claim}`;
  return world.reserved.hasAddress(address) ? "another pod" : undefined;
}

function subnetWith(address: string, { subnets }: World): SubnetView | undefined {
  for (const subnet of subnets.values()) {
    if (placeInCidr(address, subnet.cidr) !== "outside") return subnet;
  }
  return undefined;
}
