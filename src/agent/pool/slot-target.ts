import { boundCount, eniOf, isBound, isEniWanted, isWanted } from "./bound-address.ts";
import { addressesOn, isIdle } from "./eni-reclaim.ts";
import type { PoolState } from "./pool-state.ts";

/**
 * How many slots the kubelet should be offered: every bound address but those that ipamd wants back and that nobody holds.
 * Lowering the offer comes first; the promise to ipamd follows once the slots are seen withdrawn (`slots-offered`).
 */
export function slotTarget(state: PoolState): number {
  let wanted = 0;
  for (const record of state.addresses.values()) {
    if (!isBound(state, record)) continue;
    const alone = record.holding.kind === "free" && isWanted(record);
    if (alone || goesWithItsEni(state, eniOf(record))) wanted++;
  }
  return boundCount(state) - wanted;
}

function goesWithItsEni(state: PoolState, eniId: string): boolean {
  return isEniWanted(state, eniId) && isIdle(addressesOn(state, eniId));
}
