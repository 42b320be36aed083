import { isBound } from "./bound-address.ts";
import type { PoolState } from "./pool-state.ts";
import { roomToGrow } from "./room.ts";
import { filledSlots } from "./unasked.ts";

/**
 * Whether the node can do without that many of its bound addresses that no pod holds: what is left must do for every slot that
 * the kubelet was offered and no pod's address fills, since a pod that was admitted on a slot must find one. The one slot that a
 * node offers beyond what is used needs none as long as another address can come, and no slot does where each address comes with its pod.
 */
export function isSpare(state: PoolState, leaving: number): boolean {
  if (state.growth.slots !== undefined) return true;
  let idle = 0;
  for (const record of state.addresses.values()) {
    if (record.holding.kind !== "in-use" && isBound(state, record)) idle++;
  }
  const open = state.offeredSlots - filledSlots(state);
  return idle - leaving >= open || (open <= 1 && roomToGrow(state) > 0);
}
