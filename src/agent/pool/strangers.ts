import { ipFamily } from "../../api/ip-text.ts";
import type { Attachment } from "./attachment.ts";
import type { Instant } from "./instant.ts";
import { forEach, type Outcome, unchanged, withAddress } from "./outcome.ts";
import { FOUND_BY_VETH, type PooledAddress, type PoolState } from "./pool-state.ts";

/** A holder of an address that a link and a route in the kernel show, and that the pool did not know when they were read. */
export interface Stranger {
  readonly address: string;
  /** Alias of the link. */
  readonly containerId: string;
  /** Name of the host's end of the veth. */
  readonly linkName: string;
  /** ENI of its group; undefined where that is none of an ENI of this node. */
  readonly eniId: string | undefined;
}

/** Interface of a holder that only the kernel tells about: it does not say more, and all pods have this one. */
const IF_NAME = "eth0";

/** Takes note of what a read of the kernel showed, all of it. */
export function strangersSeen(state: PoolState, strangers: readonly Stranger[]): Outcome {
  return unchanged({ ...state, strangers });
}

/**
 * Gives strangers what they hold, as soon as nobody else does: a memory that is older than the kernel would give the address of a pod
 * that runs to another. What rests after another holder, is free, or is not known at all becomes theirs; what is promised back or held
 * stays so, and becomes theirs when that ends.
 */
export function adoptStrangers(state: PoolState, now: Instant): Outcome {
  return forEach(state.strangers, state, (s, stranger) => adopt(s, stranger, now));
}

function adopt(state: PoolState, { address, containerId, linkName, eniId }: Stranger, now: Instant): Outcome {
  const known = state.addresses.get(address);
  if (known?.holding.kind === "in-use" || known?.holding.kind === "reclaimable") return unchanged(state);
  // Released since that was read.
  if (known?.holding.kind === "cooling-down" && known.holding.containerId === containerId) {
    return unchanged(state);
  }
  const attachment: Attachment = {
    containerId,
    ifName: nameFor(state, { address, containerId, linkName }),
    podNamespace: "",
    podName: "",
    podUid: "",
  };
  const record: PooledAddress = {
    ...(known ?? { address, subnetId: "" }),
    eniId: eniId ?? known?.eniId ?? "",
    holding: { kind: "in-use", attachment, netns: FOUND_BY_VETH, since: now.wall },
  };
  return {
    state: withAddress(state, record),
    changes: [
      ...(known === undefined ? [{ type: "object", address: record } as const] : []),
      { type: "holding", address: record },
    ],
    effects: [{ type: "adopted", address, attachment }],
  };
}

/**
 * Interface of an adopted attachment. Each attachment holds one address of a family, which the store insists on. Which interface a second one is of,
 * nobody can tell; its container's end is its end.
 */
function nameFor(
  { addresses }: PoolState,
  { address, containerId, linkName }: Pick<Stranger, "address" | "containerId" | "linkName">,
): string {
  const held = new Set<string>();
  for (const other of addresses.values()) {
    if (other.holding.kind !== "in-use" || ipFamily(other.address) !== ipFamily(address)) continue;
    const { attachment } = other.holding;
    if (attachment.containerId === containerId) held.add(attachment.ifName);
  }
  if (held.size === 0) return IF_NAME;
  return held.has(linkName) ? address : linkName;
}

/** What a container gives back it holds no more, whatever an earlier read of the kernel showed. */
export function withoutStranger(state: PoolState, containerId: string): PoolState {
  return state.strangers.some((s) => s.containerId === containerId)
    ? { ...state, strangers: state.strangers.filter((s) => s.containerId !== containerId) }
    : state;
}
