import { isOurs, isServed } from "./bound-address.ts";
import type { PoolState } from "./pool-state.ts";

/**
 * Addresses that may still come to this node, as far as one can rely on it.
 *
 * ipamd's word is older than the addresses that have come since: these are taken off it. While an ENI of the node is not up,
 * what comes might come there, where no pod can have it.
 */
export function roomToGrow(state: PoolState): number {
  const { room, assigned } = state.growth;
  if (room === 0) return 0;
  for (const [eniId, { promise }] of state.claims) {
    if (promise === undefined && !state.readyEnis.has(eniId)) return 0;
  }
  let known = 0;
  for (const record of state.addresses.values()) if (isOurs(state, record) && isServed(record)) known++;
  const cameSince = Math.max(0, known - (assigned ?? known));
  return Math.max(0, room - cameSince);
}
