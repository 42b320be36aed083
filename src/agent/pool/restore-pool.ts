import type { StoredAddress, StoredHolding, StoredPromise } from "../store/agent-store.ts";
import type { Instant } from "./instant.ts";
import { type EniClaim, emptyPool, type Holding, type PooledAddress, type PoolState } from "./pool-state.ts";

/**
 * The pool that a store of the same boot describes; closed until it is opened. Cool-downs go on where they were, counted on
 * the wall clock and never longer than a whole one. Addresses that were free have rested since now: who rested longest is
 * not worth a write for each.
 */
export function restorePool(
  stored: { addresses: readonly StoredAddress[]; promises: readonly StoredPromise[] },
  { coolDownMs, instanceId, now }: { coolDownMs: number; instanceId: string | undefined; now: Instant },
): PoolState {
  const addresses = new Map<string, PooledAddress>();
  for (const { address, eniId, subnetId, object, holding } of stored.addresses) {
    addresses.set(address, {
      address,
      eniId,
      subnetId,
      object: object && { ...object, eniId, subnetId },
      holding: restoreHolding(holding, now),
    });
  }
  const claims = new Map<string, EniClaim>();
  for (const { eniId, uid, token, since } of stored.promises) {
    claims.set(eniId, { uid, promise: { kind: "reclaimable", token, since } });
  }
  return { ...emptyPool({ coolDownMs, instanceId }), addresses, claims };
}

function restoreHolding(stored: StoredHolding, now: Instant): Holding {
  switch (stored.kind) {
    case "free":
      return { kind: "free", since: now.wall, restingSince: now.monotonic };
    case "in-use": {
      const { kind, netns, since, ...attachment } = stored;
      return { kind, attachment, netns, since };
    }
    case "cooling-down":
      return {
        ...stored,
        restingSince: now.monotonic - Math.max(0, now.wall - stored.since),
        vethGone: false,
      };
    case "reclaimable":
      return stored;
  }
}
