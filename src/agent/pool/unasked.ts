import type { PooledAddress, PoolState } from "./pool-state.ts";

/** Slots of the kubelet by pod (`namespace/name`), as it told them. */
export interface HeldSlots {
  readonly byPod: ReadonlyMap<string, number>;
  /** When it was asked, wall clock: of an allocation that is younger it may not have told. */
  readonly readAt: number;
}

/**
 * Addresses whose pods hold no slot for them: pods that did not ask for the resource, further interfaces of a pod that asked for
 * one, callers that are no kubelet. Such an address is in use, and the kubelet does not know: were it offered as a slot, a pod
 * would be sent here for which there is none.
 *
 * Empty while the kubelet has not told who holds what.
 */
export function unaskedAddresses({ heldSlots, addresses }: PoolState): ReadonlySet<string> {
  const unasked = new Set<string>();
  if (heldSlots === undefined) return unasked;
  const left = new Map(heldSlots.byPod);
  // The older ones first: the slots of a pod that has a new sandbox count for the address that it had before.
  for (const { address, pod } of held(addresses.values(), heldSlots.readAt)) {
    const slots = left.get(pod) ?? 0;
    if (slots === 0) unasked.add(address);
    else left.set(pod, slots - 1);
  }
  return unasked;
}

function held(records: Iterable<PooledAddress>, before: number): { address: string; pod: string }[] {
  return [...records]
    .flatMap(({ address, holding }) => {
      if (holding.kind !== "in-use" || holding.since >= before) return [];
      const { podNamespace, podName } = holding.attachment;
      return [{ address, pod: `${podNamespace}/${podName}`, since: holding.since }];
    })
    .toSorted((a, b) => a.since - b.since);
}
