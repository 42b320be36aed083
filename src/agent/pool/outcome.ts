import type { Attachment } from "./attachment.ts";
import type { EniClaim, PooledAddress, PoolState, Reclaimable } from "./pool-state.ts";

/** A change that must be stored before any effect of the same step is seen outside. */
export type StoreChange =
  /** The holding of the address as it now is: replaces what was stored, a free one is forgotten. */
  | { type: "holding"; address: PooledAddress }
  /** The address has left the pool. */
  | { type: "forget"; address: string }
  /** What the object says, so that a restart can serve before it has reached the API server. */
  | { type: "object"; address: PooledAddress }
  /** What is promised of the ENI as it now is: without a promise it is forgotten. */
  | { type: "claim"; eniId: string; claim: Pick<EniClaim, "uid" | "promise"> };

/** What the outside is told, in order, once the changes are stored. */
export type PoolEffect =
  /** An allocation: the answer to a waiter, one address of a family at most, IPv4 first. */
  | { type: "answer"; waiter: number; addresses: readonly PooledAddress[] }
  /** The attachment of this waiter was released while it waited. */
  | { type: "dismiss"; waiter: number }
  /** A pod gave the address back: its veth is on its way out, and its connections are void before another pod has it. */
  | { type: "released"; address: string }
  /** A pod holds an address whose object has gone. */
  | { type: "orphaned"; address: string; attachment: Attachment }
  /** The object of an address that a pod holds names another machine. */
  | { type: "taken-away"; address: string; attachment: Attachment }
  /** It names this machine again. */
  | { type: "came-back"; address: string }
  /** The kernel showed who holds the address, which was not known. */
  | { type: "adopted"; address: string; attachment: Attachment }
  | { type: "promised"; address: string; promise: Reclaimable }
  | { type: "eni-promised"; eniId: string; promise: Reclaimable };

/** Result of a step: the next state, what to write, then what to tell. */
export interface Outcome {
  state: PoolState;
  changes: readonly StoreChange[];
  effects: readonly PoolEffect[];
}

const NOTHING: readonly never[] = [];

/** An outcome that changes nothing. */
export function unchanged(state: PoolState): Outcome {
  return { state, changes: NOTHING, effects: NOTHING };
}

/** Goes on from an outcome; changes and effects add up in order. */
export function andThen(outcome: Outcome, next: (state: PoolState) => Outcome): Outcome {
  const after = next(outcome.state);
  if (after.changes.length === 0 && after.effects.length === 0) return { ...outcome, state: after.state };
  return {
    state: after.state,
    changes: [...outcome.changes, ...after.changes],
    effects: [...outcome.effects, ...after.effects],
  };
}

/** Applies `next` once for each item. */
export function forEach<T>(
  items: Iterable<T>,
  state: PoolState,
  next: (state: PoolState, item: T) => Outcome,
): Outcome {
  let current = state;
  const changes: StoreChange[] = [];
  const effects: PoolEffect[] = [];
  for (const item of items) {
    const outcome = next(current, item);
    current = outcome.state;
    // Of hundreds of items one has changed, or none.
    if (outcome.changes.length > 0) changes.push(...outcome.changes);
    if (outcome.effects.length > 0) effects.push(...outcome.effects);
  }
  return { state: current, changes, effects };
}

/** The records of which `isConcerned` says so: of hundreds one, or none, with each event. */
export function recordsThat(
  { addresses }: PoolState,
  isConcerned: (record: PooledAddress) => boolean,
): readonly PooledAddress[] {
  const found: PooledAddress[] = [];
  for (const record of addresses.values()) if (isConcerned(record)) found.push(record);
  return found;
}

/** The state with this record in place of the one of the same address. */
export function withAddress(state: PoolState, record: PooledAddress): PoolState {
  return { ...state, addresses: new Map(state.addresses).set(record.address, record) };
}

/** The state with this claim in place of the one on the same ENI. */
export function withClaim(state: PoolState, eniId: string, claim: EniClaim): PoolState {
  return { ...state, claims: new Map(state.claims).set(eniId, claim) };
}

/** The state without the address. */
export function withoutAddress(state: PoolState, address: string): PoolState {
  const addresses = new Map(state.addresses);
  addresses.delete(address);
  return { ...state, addresses };
}
