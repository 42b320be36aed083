import { boundCount } from "./bound-address.ts";
import type { PoolState } from "./pool-state.ts";
import { roomToGrow } from "./room.ts";

/**
 * Whether a pod that came now would get an address: one that works here, in use or not, says that the node's network does; where
 * none is kept ready, the first comes with the first pod.
 */
export function canServe(state: PoolState): boolean {
  if (boundCount(state) > 0) return true;
  const { slots, onDemand } = state.growth;
  return slots === undefined ? onDemand && roomToGrow(state) > 0 : slots > 0;
}
