import type { Reservation } from "./world.ts";

/** How long a pod that was let pass keeps what it may take. The scheduler binds within that, or asks anew. */
export const RESERVED_MS = 10_000;

/** What pods were let pass for and have not taken yet. In memory alone: the scheduler asks a new extender anew. */
export class Reservations {
  readonly #byPod = new Map<string, Reservation>();

  /** Those that hold at this time (wall clock, ms). */
  at(now: number): readonly Reservation[] {
    for (const [uid, { expiresAt }] of this.#byPod) if (expiresAt <= now) this.#byPod.delete(uid);
    return [...this.#byPod.values()];
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

  /** The pod has taken what it wanted, or wants nothing any more. */
  end(podUid: string): void {
    this.#byPod.delete(podUid);
  }
}
