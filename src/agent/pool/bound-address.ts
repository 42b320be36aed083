import { type IpFamily, ipFamily } from "../../api/ip-text.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";

/** Families of which pods are given an address, one of each. An address of another is kept and given to nobody. */
export const SERVED_FAMILIES: readonly IpFamily[] = [4];

/** Whether pods are given addresses of this one's family. */
export function isServed({ address }: Pick<PooledAddress, "address">): boolean {
  return SERVED_FAMILIES.includes(ipFamily(address));
}

/** Whether the address has an object that names this very instance: another machine may have had our name. */
export function isOurs(state: PoolState, record: PooledAddress): boolean {
  return record.object !== undefined && record.object.instanceId === state.instanceId;
}

/** The ENI that the address is assigned to; for one in use this may be another than the one that its pod sends by. */
export function eniOf(record: PooledAddress): string {
  return record.object?.eniId ?? record.eniId;
}

/**
 * Whether the address works here: ours, of a family that is served, its ENI up, and neither of them promised back. In use or not does
 * not matter.
 */
export function isBound(state: PoolState, record: PooledAddress): boolean {
  const eniId = eniOf(record);
  return (
    isOurs(state, record) &&
    isServed(record) &&
    state.readyEnis.has(eniId) &&
    record.holding.kind !== "reclaimable" &&
    state.claims.get(eniId)?.promise === undefined
  );
}

/** Addresses that work here: what the node can offer to pods, those in use included. */
export function boundCount(state: PoolState): number {
  let count = 0;
  for (const record of state.addresses.values()) if (isBound(state, record)) count++;
  return count;
}

/** Whether ipamd wants the ENI back and has not been answered. */
export function isEniWanted(state: PoolState, eniId: string): boolean {
  const claim = state.claims.get(eniId);
  const token = claim?.reclaim?.token;
  return token !== undefined && token !== claim?.refusedToken && claim?.promise === undefined;
}

/** Whether ipamd wants the address back and has not been answered. */
export function isWanted(record: PooledAddress): boolean {
  const token = record.object?.reclaim?.token;
  return token !== undefined && token !== record.refusedToken && record.holding.kind !== "reclaimable";
}
