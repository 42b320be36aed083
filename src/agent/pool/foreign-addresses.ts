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
