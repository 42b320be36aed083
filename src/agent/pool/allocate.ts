import { type AttachmentKey, isSameAttachment } from "./attachment.ts";
import { eniOf, isBound, isEniWanted, isWanted } from "./bound-address.ts";
import type { Instant } from "./instant.ts";
import { forEach, type Outcome, unchanged, withAddress } from "./outcome.ts";
import type { PooledAddress, PoolState, Waiter } from "./pool-state.ts";

/** Queues a caller; `serveWaiters` answers it as soon as that is possible, at once if it is. */
export function enqueue(state: PoolState, waiter: Waiter): Outcome {
  return unchanged({ ...state, waiters: [...state.waiters, waiter] });
}

/** Forgets a caller that went away before it had an address. */
export function goAway(state: PoolState, waiter: number): Outcome {
  const waited = state.waiters.some(({ id }) => id === waiter);
  return unchanged(waited ? { ...withoutWaiter(state, waiter), starved: true } : state);
}

function withoutWaiter(state: PoolState, waiter: number): PoolState {
  return { ...state, waiters: state.waiters.filter(({ id }) => id !== waiter) };
}

/** Answers all callers that can be answered, first come first served. */
export function serveWaiters(state: PoolState, now: Instant): Outcome {
  if (!state.open) return unchanged(state);
  return forEach(state.waiters, state, (s, waiter) => serve(s, waiter, now));
}

function serve(state: PoolState, waiter: Waiter, now: Instant): Outcome {
  const held = addressOf(state, waiter);
  if (held !== undefined) {
    return {
      state: withoutWaiter(state, waiter.id),
      changes: [],
      effects: [{ type: "answer", waiter: waiter.id, address: held }],
    };
  }
  const picked = pickAddress(state);
  if (picked === undefined) return unchanged(state);
  const { attachment, netns } = waiter;
  const address: PooledAddress = {
    ...picked,
    holding: { kind: "in-use", attachment, netns, since: now.wall },
  };
  return {
    state: withAddress({ ...withoutWaiter(state, waiter.id), starved: false }, address),
    changes: [{ type: "holding", address }],
    effects: [{ type: "answer", waiter: waiter.id, address }],
  };
}

/** The address that the attachment holds. */
export function addressOf(
  state: PoolState,
  { attachment }: { readonly attachment: AttachmentKey },
): PooledAddress | undefined {
  for (const record of state.addresses.values()) {
    if (record.holding.kind === "in-use" && isSameAttachment(record.holding.attachment, attachment)) {
      return record;
    }
  }
  return undefined;
}

/**
 * The address to hand out next: one that is free before one that cools down, one that nobody wants back before one that
 * ipamd has asked for, then the one that has rested longest. Undefined when there is none.
 */
export function pickAddress(state: PoolState): PooledAddress | undefined {
  let best: PooledAddress | undefined;
  for (const record of state.addresses.values()) {
    if (!isBound(state, record) || rank(state, record) === undefined) continue;
    if (best === undefined || comesBefore(state, record, best)) best = record;
  }
  return best;
}

/** Lower is better; undefined: not to be handed out. */
function rank(state: PoolState, record: PooledAddress): number | undefined {
  const wanted = isWanted(record) || isEniWanted(state, eniOf(record)) ? 1 : 0;
  switch (record.holding.kind) {
    case "free":
      return wanted;
    case "cooling-down":
      // As long as its old veth stands, two pods could answer for the address.
      return record.holding.vethGone ? 2 + wanted : undefined;
    default:
      return undefined;
  }
}

function comesBefore(state: PoolState, a: PooledAddress, b: PooledAddress): boolean {
  const byRank = (rank(state, a) ?? 0) - (rank(state, b) ?? 0);
  if (byRank !== 0) return byRank < 0;
  const byRest = restingSince(a) - restingSince(b);
  return byRest !== 0 ? byRest < 0 : a.address < b.address;
}

function restingSince({ holding }: PooledAddress): number {
  return holding.kind === "free" || holding.kind === "cooling-down" ? holding.restingSince : 0;
}
