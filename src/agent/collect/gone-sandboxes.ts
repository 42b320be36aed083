import type { Instant } from "../pool/instant.ts";
import { FOUND_BY_VETH, type PoolState } from "../pool/pool-state.ts";

/** One reading of what could still hold addresses. */
export interface SandboxReading {
  /** Sandboxes that the container runtime knows, running or not. */
  sandboxes: ReadonlySet<string>;
  /** Aliases of the host's links: container ids of pods whose veth stands. */
  veths: ReadonlySet<string>;
  at: Instant;
}

/** Sandboxes missed in earlier readings, and since when (monotonic). */
export type Missing = ReadonlyMap<string, number>;

/** A sandbox is being made between the allocation and its entry in the runtime's list. */
const YOUNGEST_MS = 120_000;
/** Two readings this far apart must agree. */
const APART_MS = 10_000;

/**
 * Which allocations belong to sandboxes that are gone.
 *
 * One list proves nothing: a runtime that has just started shows none. Gone is what two readings at least ten seconds apart
 * both lack, whose allocation is older than two minutes and whose veth does not stand. Allocations that are not of a kubelet's
 * pod (cnitool) are nobody's sandbox and stay, unless it was a veth alone that told of them: without it they are gone.
 */
export function goneSandboxes(
  state: PoolState,
  reading: SandboxReading,
  before: Missing,
): { gone: string[]; missing: Missing } {
  const missing = new Map<string, number>();
  const gone = new Set<string>();
  for (const { holding } of state.addresses.values()) {
    if (holding.kind !== "in-use") continue;
    const { containerId, podName } = holding.attachment;
    if (podName === "" && holding.netns !== FOUND_BY_VETH) continue;
    if (reading.sandboxes.has(containerId) || reading.veths.has(containerId)) continue;
    if (reading.at.wall - holding.since < YOUNGEST_MS) continue;
    const since = before.get(containerId) ?? reading.at.monotonic;
    missing.set(containerId, since);
    if (reading.at.monotonic - since >= APART_MS) gone.add(containerId);
  }
  return { gone: [...gone], missing };
}
