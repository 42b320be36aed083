import { eniOf, isBound, isEniWanted } from "./bound-address.ts";
import type { Instant } from "./instant.ts";
import { forEach, type Outcome, unchanged, withClaim } from "./outcome.ts";
import type { EniClaim, PooledAddress, PoolState, Reclaimable } from "./pool-state.ts";
import { isSpare } from "./spare.ts";

/** Takes note of what the VpcENI objects say. A promise lives as long as the object that asked for it. */
export function claimsListed(
  state: PoolState,
  listed: ReadonlyMap<string, Omit<EniClaim, "promise">>,
): Outcome {
  const claims = new Map<string, EniClaim>();
  for (const [eniId, seen] of listed) {
    const known = state.claims.get(eniId);
    claims.set(
      eniId,
      known?.uid === seen.uid
        ? { ...seen, promise: known.promise, refusedToken: known.refusedToken ?? seen.refusedToken }
        : seen,
    );
  }
  const ended = [...state.claims].filter(
    ([eniId, { promise }]) => promise !== undefined && claims.get(eniId)?.promise === undefined,
  );
  return {
    state: { ...state, claims },
    changes: ended.map(([eniId, { uid }]) => ({ type: "claim", eniId, claim: { uid } })),
    effects: [],
  };
}

/** Answers the tokens of ENIs that can be answered now. */
export function answerEniReclaims(state: PoolState, now: Instant): Outcome {
  if (!state.open) return unchanged(state);
  return forEach([...state.claims], state, (s, [eniId, claim]) => answer(s, { eniId, claim, now }));
}

function answer(
  state: PoolState,
  { eniId, claim, now }: { eniId: string; claim: EniClaim; now: Instant },
): Outcome {
  const { reclaim, promise } = claim;
  if (reclaim === undefined) return unchanged(state);
  if (promise !== undefined) {
    return promise.token === reclaim.token
      ? unchanged(state)
      : give(state, eniId, { ...promise, token: reclaim.token });
  }
  if (!isEniWanted(state, eniId)) return unchanged(state);
  const addresses = addressesOn(state, eniId);
  if (isIdle(addresses)) {
    const rested = addresses.every(({ holding }) => holding.kind !== "cooling-down");
    const bound = addresses.filter((record) => isBound(state, record)).length;
    return rested && (bound === 0 || isSpare(state, bound))
      ? give(state, eniId, { kind: "reclaimable", token: reclaim.token, since: now.wall })
      : unchanged(state);
  }
  return reclaim.mode === "now"
    ? unchanged(withClaim(state, eniId, { ...claim, refusedToken: reclaim.token }))
    : unchanged(state);
}

function give(state: PoolState, eniId: string, promise: Reclaimable): Outcome {
  const known = state.claims.get(eniId);
  if (known === undefined) return unchanged(state);
  const claim: EniClaim = { ...known, promise };
  return {
    state: withClaim(state, eniId, claim),
    changes: [{ type: "claim", eniId, claim }],
    effects: [{ type: "eni-promised", eniId, promise }],
  };
}

/** Addresses that need this ENI: assigned to it, or sent by it. */
export function addressesOn(state: PoolState, eniId: string): PooledAddress[] {
  return [...state.addresses.values()].filter((r) => r.eniId === eniId || eniOf(r) === eniId);
}

/** Whether no pod holds one of the addresses. */
export function isIdle(addresses: readonly PooledAddress[]): boolean {
  return addresses.every(({ holding }) => holding.kind !== "in-use");
}
