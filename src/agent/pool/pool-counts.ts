import { isBound, isServed } from "./bound-address.ts";
import type { PoolState } from "./pool-state.ts";

/** What the addresses of the node are doing. */
export interface PoolCounts {
  inUse: number;
  /** Ready to be handed out. */
  free: number;
  coolingDown: number;
}

/**
 * Counts for people and for ipamd, of the family that is served: an address of another that a pod holds beside it is no further one. An
 * address that a pod holds counts also when its object or its link has gone.
 */
export function poolCounts(state: PoolState): PoolCounts {
  const counts: PoolCounts = { inUse: 0, free: 0, coolingDown: 0 };
  for (const record of state.addresses.values()) {
    if (!isServed(record)) continue;
    if (record.holding.kind === "in-use") counts.inUse++;
    else if (!isBound(state, record)) continue;
    else if (record.holding.kind === "free") counts.free++;
    else counts.coolingDown++;
  }
  return counts;
}
