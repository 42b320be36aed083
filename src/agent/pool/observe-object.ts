import type { Instant } from "./instant.ts";
import { andThen, forEach, type Outcome, unchanged, withAddress, withoutAddress } from "./outcome.ts";
import type { ObservedObject } from "./pool-event.ts";
import type { AddressObject, Holding, PooledAddress, PoolState } from "./pool-state.ts";

/** Whether `objectSeen` would change anything. */
export function isNews(state: PoolState, { address, refusedToken, ...object }: ObservedObject): boolean {
  const known = state.addresses.get(address);
  return (
    known === undefined ||
    known.subnetId !== object.subnetId ||
    // Its last holder may have sent by another ENI.
    (known.holding.kind !== "in-use" && known.eniId !== object.eniId) ||
    (refusedToken !== undefined && known.refusedToken === undefined) ||
    !Bun.deepEquals(known.object, object)
  );
}

/** Takes note of what an object says of its address. */
export function objectSeen(state: PoolState, seen: ObservedObject, now: Instant): Outcome {
  const { address, refusedToken, ...object } = seen;
  const known = state.addresses.get(address);
  if (known === undefined) {
    return written(state, {
      address,
      eniId: object.eniId,
      subnetId: object.subnetId,
      object,
      refusedToken,
      holding: { kind: "free", since: now.wall, restingSince: now.monotonic },
    });
  }
  const holding = holdingInLife(known, object, now);
  const record: PooledAddress = {
    ...known,
    // A pod's veth keeps the group of the ENI that it was made for, whatever the object says meanwhile.
    eniId: holding.kind === "in-use" ? known.eniId : object.eniId,
    subnetId: object.subnetId,
    object,
    orphan: undefined,
    refusedToken: known.refusedToken ?? refusedToken,
    holding,
  };
  if (holding !== known.holding) return written(state, record, { holdingToo: true });
  if (saysTheSame(known.object, object)) return unchanged(withAddress(state, record));
  const outcome = written(state, record);
  return known.orphan === "elsewhere" ? { ...outcome, effects: [{ type: "came-back", address }] } : outcome;
}

/** A promise to give the address back ends with the object that asked for it; what a pod holds does not. */
function holdingInLife(known: PooledAddress, object: AddressObject, now: Instant): Holding {
  const isNewLife = known.object?.uid !== object.uid;
  return isNewLife && known.holding.kind === "reclaimable"
    ? { kind: "free", since: now.wall, restingSince: now.monotonic }
    : known.holding;
}

function saysTheSame(a: AddressObject | undefined, b: AddressObject): boolean {
  return (
    a?.uid === b.uid &&
    a.eniId === b.eniId &&
    a.subnetId === b.subnetId &&
    a.instanceId === b.instanceId &&
    a.claim === b.claim
  );
}

function written(state: PoolState, address: PooledAddress, { holdingToo = false } = {}): Outcome {
  return {
    state: withAddress(state, address),
    changes: [{ type: "object", address }, ...(holdingToo ? ([{ type: "holding", address }] as const) : [])],
    effects: [],
  };
}

/** The object has gone: the address leaves the pool, at once or, where it is held or cooling down, after that. */
export function objectGone(state: PoolState, address: string): Outcome {
  const known = state.addresses.get(address);
  if (known?.object === undefined) return unchanged(state);
  const { holding } = known;
  if (holding.kind === "free" || holding.kind === "reclaimable") {
    return { state: withoutAddress(state, address), changes: [{ type: "forget", address }], effects: [] };
  }
  const record: PooledAddress = { ...known, object: undefined, orphan: undefined, refusedToken: undefined };
  return {
    state: withAddress(state, record),
    changes: [{ type: "object", address: record }],
    effects: holding.kind === "in-use" ? [{ type: "orphaned", address, attachment: holding.attachment }] : [],
  };
}

/**
 * Takes note of what became of the object of an address that a pod holds. One that is back by now says more. What was seen to be another
 * machine's is not ours again because that has gone too: only an object of this node says so.
 */
export function orphanJudged(
  state: PoolState,
  { address, orphan }: { address: string; orphan: NonNullable<PooledAddress["orphan"]> },
): Outcome {
  const known = state.addresses.get(address);
  if (known?.holding.kind !== "in-use" || known.object !== undefined) return unchanged(state);
  if (known.orphan === orphan || known.orphan === "elsewhere") return unchanged(state);
  return {
    state: withAddress(state, { ...known, orphan }),
    changes: [],
    effects:
      orphan === "elsewhere" ? [{ type: "taken-away", address, attachment: known.holding.attachment }] : [],
  };
}

/** A complete list: each object in it is seen, and what has an object but is not in it is gone. */
export function objectsListed(state: PoolState, objects: readonly ObservedObject[], now: Instant): Outcome {
  const listed = new Set(objects.map(({ address }) => address));
  const gone = [...state.addresses.values()].filter((r) => r.object !== undefined && !listed.has(r.address));
  return andThen(
    forEach(gone, state, (s, { address }) => objectGone(s, address)),
    (s) => forEach(objects, s, (current, object) => objectSeen(current, object, now)),
  );
}
