import type { ClaimNeed } from "../planner/node-view.ts";

export interface PairingFacts {
  /** New addresses of one ENI, in its subnet. */
  addresses: readonly string[];
  subnetId: string;
  /** Claims by the address that they have. */
  claimOfAddress: (address: string) => string | undefined;
  /** What pods of the node wait for, the oldest first. */
  needs: readonly ClaimNeed[];
}

/**
 * Which claims new addresses are for: the one that has the address already, else the pods that wait for any of that subnet, oldest
 * first. The others are for whoever comes.
 *
 * @returns keys of claims by address
 */
export function pairAddresses(facts: PairingFacts): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const address of facts.addresses) {
    const key = facts.claimOfAddress(address);
    if (key !== undefined) pairs.set(address, key);
  }
  const waiting = facts.needs.filter(
    ({ subnetId, wants }) => wants.kind === "any" && (subnetId === undefined || subnetId === facts.subnetId),
  );
  for (const address of facts.addresses) {
    if (pairs.has(address)) continue;
    const next = waiting.shift();
    if (next === undefined) break;
    pairs.set(address, next.key);
  }
  return pairs;
}
