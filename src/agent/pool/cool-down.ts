import type { Instant } from "./instant.ts";
import { forEach, type Outcome, recordsThat, unchanged, withAddress, withoutAddress } from "./outcome.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";

/** Ends the cool-down of every address whose time is over and whose old veth is gone; drops what then has no object. */
export function endCoolDowns(state: PoolState, now: Instant): Outcome {
  return forEach(
    recordsThat(state, (record) => isOver(state, record, now)),
    state,
    (s, record) => rest(s, record, now),
  );
}

function isOver(state: PoolState, record: PooledAddress, now: Instant): boolean {
  return record.holding.kind === "free" ? record.object === undefined : hasCooledDown(state, record, now);
}

function rest(state: PoolState, record: PooledAddress, now: Instant): Outcome {
  const { holding, object } = record;
  if (object === undefined || holding.kind !== "cooling-down") return forget(state, record);
  const address: PooledAddress = {
    ...record,
    holding: { kind: "free", since: now.wall, restingSince: holding.restingSince },
  };
  return { state: withAddress(state, address), changes: [{ type: "holding", address }], effects: [] };
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
  const gone = ({ holding }: PooledAddress) =>
    holding.kind === "cooling-down" &&
    !holding.vethGone &&
    readAt >= holding.restingSince &&
    !containerIds.has(holding.containerId);
  return forEach(recordsThat(state, gone), state, (s, record) => {
    const { holding } = record;
    return unchanged(
      holding.kind === "cooling-down"
        ? withAddress(s, { ...record, holding: { ...holding, vethGone: true } })
        : s,
    );
  });
}

/** Whether a read of the host's veths is awaited. */
export function awaitsVeths(state: PoolState): boolean {
  for (const { holding } of state.addresses.values()) {
    if (holding.kind === "cooling-down" && !holding.vethGone) return true;
  }
  return false;
}
