import { add, addWithin } from "./counts.ts";
import type { ClaimView, Fit, Reserved } from "./world.ts";

/** How long a pod that was let pass keeps what it may take. The scheduler binds within that, busy as it may be, or asks anew. */
export const RESERVED_MS = 30_000;

/** How long what a pod has taken is kept while the watch does not show its claim. */
const TAKEN_MS = 60_000;

const NONE: ReadonlyMap<string, number> = new Map();

interface Reservation {
  /** Nodes that the pod may go to: it takes an address on one of them. */
  readonly places: ReadonlyMap<string, Fit>;
  /** The address that it is to have, where it names one. */
  readonly address: string | undefined;
  /** Wall clock, ms. */
  readonly expiresAt: number;
  /** Set once the pod has taken what it wanted: the claim, and the node that it names. */
  readonly taken?: { readonly key: string; readonly node: string };
}

/** What pods that need another ENI in a subnet may take there for these ENIs. */
interface Makers {
  pods: number;
  /** Pods by the nodes that lack the ENI. */
  readonly nodes: Map<string, number>;
  /** Fewest pods that an ENI of these nodes holds. */
  holds: number;
}

/**
 * What pods were let pass for and have not taken yet, counted as it comes and goes. In memory alone: the scheduler asks a new extender anew.
 */
export class Reservations implements Reserved {
  readonly #byPod = new Map<string, Reservation>();
  readonly #onNode = new Map<string, Map<string, number>>();
  readonly #inSubnet = new Map<string, number>();
  readonly #makers = new Map<string, Makers>();
  readonly #addresses = new Map<string, number>();

  onNode(name: string): ReadonlyMap<string, number> {
    return this.#onNode.get(name) ?? NONE;
  }

  inSubnet(id: string): number {
    return (this.#inSubnet.get(id) ?? 0) + enisOf(this.#makers.get(id));
  }

  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Whether this pod was let pass, and has not been bound. */
  has(podUid: string): boolean {
    return this.#byPod.has(podUid);
  }

  /** Ends those whose time is over. @param now wall clock, ms */
  expire(now: number): void {
    for (const [uid, { expiresAt }] of this.#byPod) if (expiresAt <= now) this.end(uid);
  }

  /** What `decide` returns while what the pod itself has does not count. */
  without<T>(podUid: string, decide: () => T): T {
    const own = this.#byPod.get(podUid);
    this.end(podUid);
    try {
      return decide();
    } finally {
      if (own !== undefined) this.#put(podUid, own);
    }
  }

  /** The watch has shown a claim: from now on it counts by itself. */
  saw({ key, node }: Pick<ClaimView, "key" | "node">): void {
    for (const [uid, { taken }] of this.#byPod) {
      if (taken?.key === key && taken.node === node) this.end(uid);
    }
  }

  /** Instead of whatever the pod had before. @param forMs how long */
  reserve(
    podUid: string,
    {
      places,
      address,
      now,
      forMs = RESERVED_MS,
    }: {
      places: ReadonlyMap<string, Fit>;
      address?: string | undefined;
      now: number;
      forMs?: number | undefined;
    },
  ): void {
    this.#put(podUid, { places, address, expiresAt: now + forMs });
  }

  /**
   * The pod takes an address on this node, by a claim: what it might have taken elsewhere is free, and the rest is kept until the watch shows
   * the claim, which may be later than the next pod comes.
   */
  take(
    podUid: string,
    {
      key,
      node,
      fit,
      address,
      now,
    }: { key: string; node: string; fit: Fit; address?: string | undefined; now: number },
  ): void {
    this.#put(podUid, {
      places: new Map([[node, fit]]),
      address,
      expiresAt: now + TAKEN_MS,
      taken: { key, node },
    });
  }

  /** The pod wants nothing any more. */
  end(podUid: string): void {
    const ended = this.#byPod.get(podUid);
    if (ended === undefined) return;
    this.#byPod.delete(podUid);
    this.#count(ended, -1);
  }

  /** The pod is bound, or gone: what it has taken is kept for its claim. */
  gone(podUid: string): void {
    if (this.#byPod.get(podUid)?.taken === undefined) this.end(podUid);
  }

  /** Nobody has anything: who decides now is another. */
  clear(): void {
    for (const uid of [...this.#byPod.keys()]) this.end(uid);
  }

  #put(podUid: string, reservation: Reservation): void {
    this.end(podUid);
    this.#byPod.set(podUid, reservation);
    this.#count(reservation, 1);
  }

  #count({ places, address }: Reservation, amount: 1 | -1): void {
    if (address !== undefined) add(this.#addresses, address, amount);
    const subnets = new Set<string>();
    const makes = new Set<string>();
    for (const [node, { subnetId, hasEni, eniHolds }] of places) {
      addWithin(this.#onNode, [node, subnetId], amount);
      subnets.add(subnetId);
      if (hasEni) continue;
      makes.add(subnetId);
      const makers = this.#makersOf(subnetId);
      makers.holds = Math.max(1, Math.min(makers.holds, eniHolds));
      add(makers.nodes, node, amount);
    }
    for (const subnetId of subnets) add(this.#inSubnet, subnetId, amount);
    for (const subnetId of makes) {
      const makers = this.#makersOf(subnetId);
      makers.pods += amount;
      if (makers.pods === 0) this.#makers.delete(subnetId);
    }
  }

  #makersOf(subnetId: string): Makers {
    let makers = this.#makers.get(subnetId);
    if (makers === undefined) {
      makers = { pods: 0, nodes: new Map(), holds: Number.POSITIVE_INFINITY };
      this.#makers.set(subnetId, makers);
    }
    return makers;
  }
}

/** The most ENIs that these pods may need: one on each of their nodes, and more where an ENI is full; never more than there are pods. */
function enisOf(makers: Makers | undefined): number {
  if (makers === undefined) return 0;
  const { pods, nodes, holds } = makers;
  return pods <= nodes.size ? pods : nodes.size + Math.floor((pods - nodes.size) / holds);
}
