import type { PoolState } from "./pool-state.ts";

/** An address of a pod whose link another plugin made: the agent routes it by address. */
export interface ForeignAddress {
  address: string;
  /** ENI by which the pod sends. */
  eniId: string;
  /** Link of the host behind which the pod is; empty where the other plugin makes the host's route to the pod itself. */
  device: string;
}

/** The addresses that pods with links of other plugins hold. */
export function foreignAddresses(state: PoolState): ForeignAddress[] {
  return [...state.addresses.values()].flatMap(({ address, eniId, holding }) =>
    holding.kind === "in-use" && holding.attachment.foreign !== undefined
      ? [{ address, eniId, device: holding.attachment.foreign.device }]
      : [],
  );
}

/**
 * Whether a pod with a link of ours holds the address. Not said of an allocation without a network: that is older than the kinds of links,
 * or was found when the store was lost.
 */
export function hasOwnLink({ addresses }: PoolState, address: string): boolean {
  const holding = addresses.get(address)?.holding;
  if (holding?.kind !== "in-use") return false;
  const { network, foreign } = holding.attachment;
  return network !== undefined && foreign === undefined;
}
