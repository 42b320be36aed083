import { eniOf, isBound, isEniWanted, isWanted } from "./bound-address.ts";
import { addressesOn, isIdle } from "./eni-reclaim.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";
import { roomToGrow } from "./room.ts";
import { filledSlots, unaskedAddresses } from "./unasked.ts";

/**
 * How many slots the kubelet should be offered: every bound address but those that ipamd wants back and that nobody holds, and those
 * of pods that hold no slot for them.
 * Lowering the offer comes first; the promise to ipamd follows once the slots are seen withdrawn (`slots-offered`).
 *
 * A node that can grow is offered one more than is used, whether or not there is an address for it: the scheduler decides where
 * pods go, and the next address is made where one has come. Where each address comes with its pod, ipamd says how many slots.
 */
export function slotTarget(state: PoolState): number {
  if (state.growth.slots !== undefined) return Math.max(state.growth.slots, filledSlots(state));
  let bound = 0;
  let idle = 0;
  const unasked = unaskedAddresses(state);
  for (const record of state.addresses.values()) {
    if (unasked.has(record.address)) continue;
    if (!isBound(state, record) || isLeaving(state, record)) continue;
    bound++;
    if (record.holding.kind !== "in-use") idle++;
  }
  const room = roomToGrow(state);
  if (room === 0) return bound;
  return Math.max(bound, filledSlots(state) + Math.min(waitingPods(state) + 1, idle + room));
}

function isLeaving(state: PoolState, record: PooledAddress): boolean {
  return (record.holding.kind === "free" && isWanted(record)) || goesWithItsEni(state, eniOf(record));
}

function goesWithItsEni(state: PoolState, eniId: string): boolean {
  return isEniWanted(state, eniId) && isIdle(addressesOn(state, eniId));
}

/**
 * Pods that hold a slot and wait for their address. Once one of them has gone away with nothing, those that wait draw no others
 * here: an address that was to come has not, and the next pods are better off elsewhere.
 */
function waitingPods(state: PoolState): number {
  if (state.starved) return 0;
  return new Set(state.waiters.map(({ attachment }) => attachment.containerId)).size;
}
