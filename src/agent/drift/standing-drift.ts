import type { Drift, DriftKind } from "./drift.ts";

/** A drift that is still there at the next look, under what tells it from every other. */
export type FoundDrift = Drift & { readonly key: string };

/** What is quarantined or could not be repaired: it is told when it appears, and not again while it lasts. */
export class StandingDrift {
  #standing: ReadonlyMap<string, FoundDrift> = new Map();

  /** Takes all that a look has found. @returns what was not there at the last one */
  take(found: readonly FoundDrift[]): FoundDrift[] {
    const before = this.#standing;
    this.#standing = new Map(found.map((drift) => [drift.key, drift]));
    return [...this.#standing.values()].filter(({ key, outcome }) => before.get(key)?.outcome !== outcome);
  }

  /** How much of each kind there is. */
  counts(): Map<DriftKind, number> {
    const counts = new Map<DriftKind, number>();
    for (const { kind } of this.#standing.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }
}
