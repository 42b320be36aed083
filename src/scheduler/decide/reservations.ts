import { ByNode } from "./by-node.ts";
import { add } from "./counts.ts";
import type { NodeNumbers } from "./node-numbers.ts";
import { Places } from "./places.ts";
import type {
  ClaimView,
  Fit,
  Reserved,
  ReservedInSubnet,
  ReservedOnNode,
  ReservedOnNodeInSubnet,
} from "./world.ts";

/** How long a pod that was let pass keeps what it may take. The scheduler binds within that, busy as it may be, or asks anew. */
export const RESERVED_MS = 30_000;

/** How long what a pod has taken is kept while the watch does not show its claim. */
const TAKEN_MS = 60_000;

const NONE_ON_NODE: ReservedOnNode = { pods: 0, inSubnet: new Map() };
const NONE_IN_SUBNET: ReservedInSubnet = { addresses: 0, makers: 0, pods: new ByNode(), sure: new ByNode() };

/** How long a pod that waits no more is remembered: the scheduler may still ask about it. */
const GONE_MS = 60_000;

interface Reservation {
  /** Nodes that the pod may go to: it takes an address on one of them. */
  readonly places: Places;
  /** The address that it is to have, where it names one. */
  readonly address: string | undefined;
  /** Monotonic ms. */
  readonly expiresAt: number;
  /** Others are to make way for it on these nodes: what is asked about it meanwhile is about others. */
  readonly evicts: boolean;
  /** Set once the pod has taken what it wanted: the claim, and the node that it names. */
  readonly taken?: { readonly key: string; readonly node: string };
}

interface InSubnet extends ReservedInSubnet {
  readonly pods: ByNode;
  readonly sure: ByNode;
  addresses: number;
  makers: number;
  /** Reservations that have a place there, of whichever kind. */
  reservations: number;
}

/**
 * What pods were let pass for and have not taken yet, counted as it comes and goes. In memory alone: the scheduler asks a new extender anew.
 */
export class Reservations implements Reserved {
  readonly #byPod = new Map<string, Reservation>();
  /** Pods that have taken something, by the key of their claim: the watch shows thousands of claims of others. */
  readonly #takers = new Map<string, Set<string>>();
  readonly #numbers: NodeNumbers;
  readonly #onNode = new ByNode();
  readonly #inSubnet = new Map<string, InSubnet>();
  readonly #addresses = new Map<string, number>();
  /** Pods that are bound, or deleted, and until when that is remembered. UIDs do not come back. */
  readonly #gone = new Map<string, number>();

  /** @param numbers what nodes are counted by */
  constructor(numbers: NodeNumbers) {
    this.#numbers = numbers;
    numbers.keepWhile((number) => this.#onNode.at(number) > 0);
  }

  onNode(name: string): ReservedOnNode {
    const number = this.#numbers.find(name);
    const pods = number === undefined ? 0 : this.#onNode.at(number);
    if (number === undefined || pods === 0) return NONE_ON_NODE;
    const inSubnet = new Map<string, ReservedOnNodeInSubnet>();
    for (const [id, subnet] of this.#inSubnet) {
      const here = subnet.pods.at(number);
      if (here > 0) inSubnet.set(id, { pods: here, sure: subnet.sure.at(number) });
    }
    return { pods, inSubnet };
  }

  onNodes(): Int32Array {
    return this.#onNode.upTo(this.#numbers.size);
  }

  inSubnet(id: string): ReservedInSubnet {
    return this.#inSubnet.get(id) ?? NONE_IN_SUBNET;
  }

  subnets(): Iterable<string> {
    return this.#inSubnet.keys();
  }

  hasAddress(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Whether this pod was let pass, and has not been bound. */
  has(podUid: string): boolean {
    return this.#byPod.has(podUid);
  }

  /** Whether this pod was bound, or deleted, a moment ago. */
  isGone(podUid: string): boolean {
    return this.#gone.has(podUid);
  }

  /** Ends those whose time is over. @param now monotonic ms */
  expire(now: number): void {
    for (const [uid, { expiresAt }] of this.#byPod) if (expiresAt <= now) this.end(uid);
  }

  /** Where this pod was let pass, and what it may take there; undefined: nowhere, or its time is over. */
  placesOf(podUid: string): Places | undefined {
    return this.#byPod.get(podUid)?.places;
  }

  /** What `decide` returns while what the pod itself has does not count; it has that again afterwards, unless `decide` has given it something else. */
  without<T>(podUid: string, decide: () => T): T {
    const own = this.#byPod.get(podUid);
    this.end(podUid);
    try {
      return decide();
    } finally {
      if (own !== undefined && !this.has(podUid)) this.#put(podUid, own);
    }
  }

  /** The watch has shown a claim: from now on it counts by itself. One on its way out is a former pod's. */
  saw({ key, node, leaving }: Pick<ClaimView, "key" | "node" | "leaving">): void {
    if (leaving) return;
    for (const uid of this.#takers.get(key) ?? []) {
      if (this.#byPod.get(uid)?.taken?.node === node) this.end(uid);
    }
  }

  /**
   * Instead of whatever the pod had before; nothing for one that waits no more.
   *
   * @param forMs how long
   * @param evicts others are to make way for it there
   */
  reserve(
    podUid: string,
    {
      places,
      address,
      now,
      forMs = RESERVED_MS,
      evicts = false,
    }: {
      places: Places;
      address?: string | undefined;
      now: number;
      forMs?: number | undefined;
      evicts?: boolean;
    },
  ): void {
    if (!this.#gone.has(podUid)) this.#put(podUid, { places, address, expiresAt: now + forMs, evicts });
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
      places: Places.of(this.#numbers, [[node, fit]]),
      address,
      expiresAt: now + TAKEN_MS,
      evicts: false,
      taken: { key, node },
    });
  }

  /** The pod may go to none of these nodes: it has nothing any more, but for nodes where others are making way for it. */
  refused(podUid: string, names: ReadonlySet<string>): void {
    const own = this.#byPod.get(podUid);
    if (own === undefined) return;
    const waitsElsewhere = own.evicts && [...own.places].some(([node]) => !names.has(node));
    if (!waitsElsewhere) this.end(podUid);
  }

  /** The pod wants nothing any more. */
  end(podUid: string): void {
    const ended = this.#byPod.get(podUid);
    if (ended === undefined) return;
    this.#byPod.delete(podUid);
    if (ended.taken !== undefined) this.#removeTaker(ended.taken.key, podUid);
    this.#count(ended, -1);
  }

  /** The pod is bound, or deleted: what it has taken is kept for its claim. @param now monotonic ms */
  gone(podUid: string, now: number): void {
    for (const [uid, until] of this.#gone) {
      // In the order of their ends.
      if (until > now) break;
      this.#gone.delete(uid);
    }
    this.#gone.set(podUid, now + GONE_MS);
    if (this.#byPod.get(podUid)?.taken === undefined) this.end(podUid);
  }

  /** Nobody has anything: who decides now is another. */
  clear(): void {
    for (const uid of [...this.#byPod.keys()]) this.end(uid);
  }

  #put(podUid: string, reservation: Reservation): void {
    this.end(podUid);
    this.#byPod.set(podUid, reservation);
    if (reservation.taken !== undefined) this.#addTaker(reservation.taken.key, podUid);
    this.#count(reservation, 1);
  }

  #addTaker(key: string, podUid: string): void {
    const takers = this.#takers.get(key);
    if (takers === undefined) this.#takers.set(key, new Set([podUid]));
    else takers.add(podUid);
  }

  #removeTaker(key: string, podUid: string): void {
    const takers = this.#takers.get(key);
    takers?.delete(podUid);
    if (takers?.size === 0) this.#takers.delete(key);
  }

  #count({ places: { codes, fits }, address }: Reservation, amount: 1 | -1): void {
    if (address !== undefined) add(this.#addresses, address, amount);
    const all = this.#onNode.upTo(codes.length);
    const counts = fits.map(({ subnetId, hasEni }) => {
      const { pods, sure } = this.#subnet(subnetId);
      return { pods: pods.upTo(codes.length), sure: sure.upTo(codes.length), one: hasEni ? amount : 0 };
    });
    for (let number = 0; number < codes.length; number++) {
      const here = counts[(codes[number] ?? 0) - 1];
      if (here === undefined) continue;
      all[number] = (all[number] ?? 0) + amount;
      here.pods[number] = (here.pods[number] ?? 0) + amount;
      here.sure[number] = (here.sure[number] ?? 0) + here.one;
    }
    // It takes one address, wherever it goes, and may need one ENI.
    for (const [subnetId, there] of Map.groupBy(fits, (fit) => fit.subnetId)) {
      const subnet = this.#subnet(subnetId);
      if (there.some(({ takes }) => takes === 1)) subnet.addresses += amount;
      if (there.some(({ hasEni }) => !hasEni)) subnet.makers += amount;
      subnet.reservations += amount;
      if (subnet.reservations === 0) this.#inSubnet.delete(subnetId);
    }
  }

  #subnet(id: string): InSubnet {
    let subnet = this.#inSubnet.get(id);
    if (subnet === undefined) {
      subnet = { addresses: 0, makers: 0, reservations: 0, pods: new ByNode(), sure: new ByNode() };
      this.#inSubnet.set(id, subnet);
    }
    return subnet;
  }
}
