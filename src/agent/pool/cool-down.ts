import type { Instant } from "./instant.ts";
import { forEach, type Outcome, withAddress, withoutAddress } from "./outcome.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";

/** Ends the cool-down of every address whose time is over and whose old veth is gone; drops what then has no object. */
export function endCoolDowns(state: PoolState, now: Instant): Outcome {
  return forEach([...state.addresses.values()], state, (s, record) => rest(s, record, now));
}

function rest(state: PoolState, record: PooledAddress, now: Instant): Outcome {
  const { holding } = record;
  if (holding.kind === "cooling-down" && hasCooledDown(state, record, now)) {
    const free: PooledAddress = {
      ...record,
      holding: { kind: "free", since: now.wall, restingSince: holding.restingSince },
    };
    return record.object === undefined
      ? forget(state, record)
      : { state: withAddress(state, free), changes: [{ type: "holding", address: free }], effects: [] };
  }
  if (holding.kind === "free" && record.object === undefined) return forget(state, record);
  return { state, changes: [], effects: [] };
}

function forget(state: PoolState, { address }: PooledAddress): Outcome {
  return { state: withoutAddress(state, address), changes: [{ type: "forget", address }], effects: [] };
}

function hasCooledDown(state: PoolState, { holding }: PooledAddress, now: Instant): boolean {
  return (
    holding.kind === "cooling-down" &&
    holding.vethGone &&
    now.monotonic - holding.restingSince >= state.coolDownMs
  );
}

/** Monotonic time at which the next cool-down ends; undefined when none is running. */
export function nextCoolDownEnd(state: PoolState): number | undefined {
  let next: number | undefined;
  for (const { holding } of state.addresses.values()) {
    // Without its veth seen gone, the address waits for a read of the kernel and not for time.
    if (holding.kind !== "cooling-down" || !holding.vethGone) continue;
    const end = holding.restingSince + state.coolDownMs;
    if (next === undefined || end < next) next = end;
  }
  return next;
}

/**
 * Takes note of which veths are still there.
 *
 * Only a read that began after the release counts: an older one may have looked before the veth was there at all.
 */
export function noteVeths(
  state: PoolState,
  { containerIds, readAt }: { containerIds: ReadonlySet<string>; readAt: number },
): Outcome {
  return forEach([...state.addresses.values()], state, (s, record) => {
    const { holding } = record;
    if (
      holding.kind !== "cooling-down" ||
      holding.vethGone ||
      readAt < holding.restingSince ||
      containerIds.has(holding.containerId)
    ) {
      return { state: s, changes: [], effects: [] };
    }
    return {
      state: withAddress(s, { ...record, holding: { ...holding, vethGone: true } }),
      changes: [],
      effects: [],
    };
  });
}

/** Whether a read of the host's veths is awaited. */
export function awaitsVeths(state: PoolState): boolean {
  for (const { holding } of state.addresses.values()) {
    if (holding.kind === "cooling-down" && !holding.vethGone) return true;
  }
  return false;
}
