import { type IpFamily, ipFamily } from "../../api/ip-text.ts";
import { type AttachmentKey, isSameAttachment } from "./attachment.ts";
import { eniOf, isBound, isEniWanted, isWanted, SERVED_FAMILIES } from "./bound-address.ts";
import type { Instant } from "./instant.ts";
import { forEach, type Outcome, recordsThat, unchanged, withAddress } from "./outcome.ts";
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

/** The caller has one address of each family that is served, those first that its attachment holds already; all of them, or it waits. */
function serve(state: PoolState, waiter: Waiter, now: Instant): Outcome {
  const { attachment, netns } = waiter;
  const held = addressesOf(state, attachment);
  const lacking = SERVED_FAMILIES.filter((family) => !held.some((r) => ipFamily(r.address) === family));
  const picked = lacking.map((family) => pickAddress(state, family, waiter));
  if (picked.includes(undefined)) return unchanged(state);
  const given = picked.flatMap((record): PooledAddress[] =>
    record === undefined
      ? []
      : [{ ...record, holding: { kind: "in-use", attachment, netns, since: now.wall } }],
  );
  const left = withoutWaiter(state, waiter.id);
  return {
    state: given.reduce(withAddress, given.length === 0 ? left : { ...left, starved: false }),
    changes: given.map((address) => ({ type: "holding", address })),
    effects: [{ type: "answer", waiter: waiter.id, addresses: [...held, ...given].toSorted(byFamily) }],
  };
}

/** The addresses that the attachment holds: one of a family at most, IPv4 first. */
export function addressesOf(state: PoolState, attachment: AttachmentKey): PooledAddress[] {
  return recordsThat(
    state,
    ({ holding }) => holding.kind === "in-use" && isSameAttachment(holding.attachment, attachment),
  ).toSorted(byFamily);
}

function byFamily(a: PooledAddress, b: PooledAddress): number {
  return ipFamily(a.address) - ipFamily(b.address);
}

/**
 * The address of this family to hand out next: the one that is for the caller's pod where there is one, whatever it is doing just now;
 * else one that is for any, free before one that cools down, one that nobody wants back before one that ipamd has asked for, then the one
 * that has rested longest. Undefined when there is none, or when the pod's own cannot be had yet.
 */
export function pickAddress(
  state: PoolState,
  family: IpFamily,
  { attachment, ownOnly }: Pick<Waiter, "attachment" | "ownOnly">,
): PooledAddress | undefined {
  const pod = `${attachment.podNamespace}/${attachment.podName}`;
  let best: PooledAddress | undefined;
  let isOwn = false;
  for (const record of state.addresses.values()) {
    if (ipFamily(record.address) !== family) continue;
    const claim = record.object?.claim;
    const isForPod = claim !== undefined && claim === pod && attachment.podName !== "";
    if (isForPod && !isOwn) {
      isOwn = true;
      best = undefined;
    }
    if (isForPod !== isOwn || (claim !== undefined && !isForPod)) continue;
    if (!isBound(state, record) || rank(state, record) === undefined) continue;
    if (best === undefined || comesBefore(state, record, best)) best = record;
  }
  return isOwn || !(ownOnly && keepsAddresses(state)) ? best : undefined;
}

/** Whether pods may have addresses of their own here; as long as ipamd has not said, they are taken at their word. */
function keepsAddresses({ growth }: PoolState): boolean {
  return growth.slots !== undefined || growth.assigned === undefined;
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
