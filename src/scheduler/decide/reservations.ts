import type { ClaimView, Reservation } from "./world.ts";

/** How long a pod that was let pass keeps what it may take. The scheduler binds within that, busy as it may be, or asks anew. */
export const RESERVED_MS = 30_000;

/** How long what a pod has taken is kept while the watch does not show its claim. */
const TAKEN_MS = 60_000;

interface Taken extends Reservation {
  /** Set once the pod has taken what it wanted: the claim, and the node that it names. */
  readonly taken?: { readonly key: string; readonly node: string };
}

/** What pods were let pass for and have not taken yet. In memory alone: the scheduler asks a new extender anew. */
export class Reservations {
  readonly #byPod = new Map<string, Taken>();

  /** Those that hold at this time (wall clock, ms). */
  at(now: number): readonly Reservation[] {
    for (const [uid, { expiresAt }] of this.#byPod) if (expiresAt <= now) this.#byPod.delete(uid);
    return [...this.#byPod.values()];
  }

  /** The watch has shown a claim: from now on it counts by itself. */
  saw({ key, node }: Pick<ClaimView, "key" | "node">): void {
    for (const [uid, { taken }] of this.#byPod) {
      if (taken?.key === key && taken.node === node) this.#byPod.delete(uid);
    }
  }

  /** Instead of whatever the pod had before. */
  reserve(
    podUid: string,
    { nodes, subnets, now }: { nodes: Iterable<string>; subnets: Iterable<string>; now: number },
  ): void {
    this.#byPod.set(podUid, {
      podUid,
      nodes: new Set(nodes),
      subnets: new Set(subnets),
      expiresAt: now + RESERVED_MS,
    });
  }

  /**
   * The pod has taken an address of this subnet for this node, by a claim: what it might have taken elsewhere is free, and the rest is kept until
   * the watch shows the claim, which may be later than the next pod comes.
   */
  take(
    podUid: string,
    { key, node, subnet, now }: { key: string; node: string; subnet: string; now: number },
  ): void {
    this.#byPod.set(podUid, {
      podUid,
      nodes: new Set([node]),
      subnets: new Set([subnet]),
      expiresAt: now + TAKEN_MS,
      taken: { key, node },
    });
  }

  /** The pod wants nothing any more. */
  end(podUid: string): void {
    this.#byPod.delete(podUid);
  }
}
