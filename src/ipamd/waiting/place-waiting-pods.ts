import { type Amounts, amountsOf, fitsInto, sumOf } from "./amounts.ts";
import { allowsPod, type NodeTraits } from "./fits-node.ts";
import type { PodNeeds } from "./pod-needs.ts";
import type { SlimPod, WaitingPod } from "./slim-pod.ts";

/** A node that could take pods if it had more addresses. */
export interface GrowableNode {
  readonly traits: NodeTraits;
  /**
   * For how many pods more than are bound to it, and need an address, the node has addresses or can get them: what it has, is
   * getting and could still get, less those pods. It does not change when an address arrives: a pod that waits for the node
   * would be sent on by the very address that was made for it.
   */
  readonly room: number;
  /** `status.allocatable` less what the pods on it request, its number of `pods` included: see `freeOf`. */
  readonly free: Amounts;
}

/** What a node has left: allocatable less what the pods on it take. */
export function freeOf(
  allocatable: Readonly<Record<string, string>> | undefined,
  onNode: readonly Pick<SlimPod, "requests" | "takesPlace">[],
): Amounts {
  const there = onNode.filter((pod) => pod.takesPlace);
  const taken = sumOf({ pods: there.length }, ...there.map((pod) => pod.requests));
  return less(amountsOf(allocatable), taken);
}

/**
 * Decides which node grows for which of the pods that found no node for lack of an address. A pod is placed on one node at most, so
 * that nodes grow by no more than there are such pods; on one that would take it and has room for it; and on the one with
 * most room. It keeps the node that it has as long as that would take it: an address may be on its way. The oldest go first.
 * The scheduler need not follow: where the pod goes is up to it.
 *
 * @param pods those that do not wait are left out
 * @param previous what was decided last
 * @returns the node's name by the pod's UID; a pod for which there is no node is absent
 */
export function placeWaitingPods(
  pods: readonly SlimPod[],
  nodes: readonly GrowableNode[],
  { previous }: { previous: ReadonlyMap<string, string> },
): Map<string, string> {
  const spots = new Map(nodes.map((node) => [node.traits.metadata.name, new Spot(node)]));
  const candidates = new Candidates([...spots.values()]);
  const placement = new Map<string, string>();
  const homeless: WaitingOne[] = [];

  for (const one of oldestFirst(pods)) {
    const kept = spots.get(previous.get(one.uid) ?? "");
    if (kept?.takes(one.waiting.needs) && allowsPod(kept.traits, one.waiting.needs)) {
      kept.add(one.waiting.needs);
      placement.set(one.uid, kept.name);
    } else {
      homeless.push(one);
    }
  }
  for (const { uid, waiting } of homeless) {
    const best = roomiest(candidates.of(waiting), waiting.needs);
    if (best === undefined) continue;
    best.add(waiting.needs);
    placement.set(uid, best.name);
  }
  return placement;
}

interface WaitingOne {
  uid: string;
  waiting: WaitingPod;
}

function oldestFirst(pods: readonly SlimPod[]): WaitingOne[] {
  return pods
    .flatMap(({ metadata, waiting }) => (waiting === undefined ? [] : [{ uid: metadata.uid, waiting }]))
    .sort((a, b) => compare(a.waiting.since, b.waiting.since) || compare(a.uid, b.uid));
}

/** A node with what has been placed on it so far. */
class Spot {
  readonly name: string;
  readonly traits: NodeTraits;
  room: number;
  readonly #free: Record<string, number>;

  constructor(node: GrowableNode) {
    this.name = node.traits.metadata.name;
    this.traits = node.traits;
    this.room = node.room;
    this.#free = { ...node.free };
  }

  /** Whether there is room, and enough is left, for one more pod of these needs. */
  takes({ requests }: PodNeeds): boolean {
    return this.room >= 1 && (this.#free["pods"] ?? 0) >= 1 && fitsInto(requests, this.#free);
  }

  add({ requests }: PodNeeds): void {
    this.room -= 1;
    this.#subtract("pods", 1);
    for (const [resource, amount] of Object.entries(requests)) this.#subtract(resource, amount);
  }

  #subtract(resource: string, amount: number): void {
    this.#free[resource] = (this.#free[resource] ?? 0) - amount;
  }
}

/** The nodes that would take pods of given needs, in the order of their names; computed once for all pods of equal needs. */
class Candidates {
  readonly #spots: readonly Spot[];
  readonly #byNeeds = new Map<string, Spot[]>();

  constructor(spots: readonly Spot[]) {
    this.#spots = spots.toSorted((a, b) => compare(a.name, b.name));
  }

  of({ needs, needsKey }: WaitingPod): Spot[] {
    const known = this.#byNeeds.get(needsKey);
    if (known !== undefined) return known;
    const found = this.#spots.filter((spot) => spot.takes(needs) && allowsPod(spot.traits, needs));
    this.#byNeeds.set(needsKey, found);
    return found;
  }
}

/** The one with most room that takes one more pod; of equals the first. */
function roomiest(spots: readonly Spot[], needs: PodNeeds): Spot | undefined {
  let best: Spot | undefined;
  for (const spot of spots) {
    if (spot.room > (best?.room ?? 0) && spot.takes(needs)) best = spot;
  }
  return best;
}

function less(all: Amounts, taken: Amounts): Amounts {
  const left: Record<string, number> = { ...all };
  for (const [resource, amount] of Object.entries(taken)) left[resource] = (left[resource] ?? 0) - amount;
  return left;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
