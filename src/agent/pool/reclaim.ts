import type { Reclaim } from "../../api/reclaim.ts";
import { isBound, isOurs, isWanted } from "./bound-address.ts";
import type { Instant } from "./instant.ts";
import { forEach, type Outcome, recordsThat, unchanged, withAddress } from "./outcome.ts";
import type { PooledAddress, PoolState, Reclaimable } from "./pool-state.ts";
import { isSpare } from "./spare.ts";

/** Answers the reclaim tokens that can be answered now; the others wait. */
export function answerReclaims(state: PoolState, now: Instant): Outcome {
  if (!state.open) return unchanged(state);
  const asked = recordsThat(state, ({ object }) => object?.reclaim !== undefined);
  return forEach(asked, state, (s, record) => answer(s, record, now));
}

function answer(state: PoolState, record: PooledAddress, now: Instant): Outcome {
  const reclaim = record.object?.reclaim;
  if (reclaim === undefined || !isOurs(state, record)) return unchanged(state);
  const { holding } = record;
  if (holding.kind === "reclaimable") {
    // The door is closed already: the new token gets the same answer.
    return holding.token === reclaim.token
      ? unchanged(state)
      : promise(state, record, { ...holding, token: reclaim.token });
  }
  if (!isWanted(record)) return unchanged(state);
  if (holding.kind === "in-use" && reclaim.mode === "now") {
    return unchanged(withAddress(state, { ...record, refusedToken: reclaim.token }));
  }
  return mayGo(state, record, reclaim.mode)
    ? promise(state, record, { kind: "reclaimable", token: reclaim.token, since: now.wall })
    : unchanged(state);
}

function mayGo(state: PoolState, record: PooledAddress, mode: Reclaim["mode"]): boolean {
  const { holding } = record;
  // It goes to the next pod of the name that had it: nobody else's connections come to it, once the former link is gone.
  if (mode === "move")
    return holding.kind === "free" || (holding.kind === "cooling-down" && holding.vethGone);
  return holding.kind === "free" && (!isBound(state, record) || isSpare(state, 1));
}

function promise(state: PoolState, record: PooledAddress, holding: Reclaimable): Outcome {
  const address: PooledAddress = { ...record, holding };
  return {
    state: withAddress(state, address),
    changes: [{ type: "holding", address }],
    effects: [{ type: "promised", address: record.address, promise: holding }],
  };
}
