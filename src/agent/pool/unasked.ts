import { attachmentId } from "./attachment.ts";
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
 * would be sent here for which there is none. A slot is a pod's right to be served: it is for all addresses of one attachment, whatever
 * their families.
 *
 * Empty while the kubelet has not told who holds what.
 */
export function unaskedAddresses({ heldSlots, addresses }: PoolState): ReadonlySet<string> {
  const unasked = new Set<string>();
  if (heldSlots === undefined) return unasked;
  const left = new Map(heldSlots.byPod);
  // The older ones first: the slots of a pod that has a new sandbox count for the address that it had before.
  for (const { pod, held } of attachments(addresses.values(), heldSlots.readAt)) {
    const slots = left.get(pod) ?? 0;
    if (slots > 0) left.set(pod, slots - 1);
    else for (const address of held) unasked.add(address);
  }
  return unasked;
}

/** What each attachment holds of which the kubelet must have told, in the order in which they came. */
function attachments(
  records: Iterable<PooledAddress>,
  before: number,
): Iterable<{ pod: string; held: string[] }> {
  const holdings = [...records].flatMap(({ address, holding }) =>
    holding.kind === "in-use" && holding.since < before ? [{ address, ...holding }] : [],
  );
  const byAttachment = Map.groupBy(
    holdings.toSorted((a, b) => a.since - b.since),
    ({ attachment }) => attachmentId(attachment),
  );
  return byAttachment.values().map((own) => {
    const { podNamespace = "", podName = "" } = own[0]?.attachment ?? {};
    return { pod: `${podNamespace}/${podName}`, held: own.map(({ address }) => address) };
  });
}

/** Attachments that fill slots: those that hold an address for which their pod holds a slot, as far as the kubelet has told. */
export function filledSlots(state: PoolState): number {
  const unasked = unaskedAddresses(state);
  const filling = new Set<string>();
  for (const { address, holding } of state.addresses.values()) {
    if (holding.kind === "in-use" && !unasked.has(address)) filling.add(attachmentId(holding.attachment));
  }
  return filling.size;
}
