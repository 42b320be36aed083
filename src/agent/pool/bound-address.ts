import type { PooledAddress, PoolState } from "./pool-state.ts";

/** Whether the address has an object that names this very instance: another machine may have had our name. */
export function isOurs(state: PoolState, record: PooledAddress): boolean {
  return record.object !== undefined && record.object.instanceId === state.instanceId;
}

/** Whether the address works here: ours, its ENI up, and not promised back. In use or not does not matter. */
export function isBound(state: PoolState, record: PooledAddress): boolean {
  return (
    isOurs(state, record) &&
    state.readyEnis.has(record.object?.eniId ?? record.eniId) &&
    record.holding.kind !== "reclaimable"
  );
}

/** Addresses that work here: what the node can offer to pods, those in use included. */
export function boundCount(state: PoolState): number {
  let count = 0;
  for (const record of state.addresses.values()) if (isBound(state, record)) count++;
  return count;
}

/** Whether ipamd wants the address back and has not been answered. */
export function isWanted(record: PooledAddress): boolean {
  const token = record.object?.reclaim?.token;
  return token !== undefined && token !== record.refusedToken && record.holding.kind !== "reclaimable";
}
