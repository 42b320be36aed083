import { addressesOf } from "./allocate.ts";
import { type AttachmentKey, isSameAttachment } from "./attachment.ts";
import type { Instant } from "./instant.ts";
import { andThen, forEach, type Outcome, withAddress } from "./outcome.ts";
import type { PooledAddress, PoolState } from "./pool-state.ts";

/**
 * Takes back what the attachment holds and starts its cool-down; callers that still wait for that attachment are sent
 * away. An unknown attachment changes nothing.
 */
export function release(state: PoolState, attachment: AttachmentKey, now: Instant): Outcome {
  return andThen(dismissWaiters(state, attachment), (s) =>
    forEach(addressesOf(s, attachment), s, (current, record) => coolDown(current, record, now)),
  );
}

function dismissWaiters(state: PoolState, attachment: AttachmentKey): Outcome {
  const dismissed = state.waiters.filter((w) => isSameAttachment(w.attachment, attachment));
  return {
    state:
      dismissed.length === 0
        ? state
        : { ...state, waiters: state.waiters.filter((w) => !dismissed.includes(w)) },
    changes: [],
    effects: dismissed.map(({ id }) => ({ type: "dismiss", waiter: id })),
  };
}

function coolDown(state: PoolState, record: PooledAddress, now: Instant): Outcome {
  if (record.holding.kind !== "in-use") return { state, changes: [], effects: [] };
  const { containerId, ifName } = record.holding.attachment;
  const address: PooledAddress = {
    ...record,
    // The object may have named another ENI while the pod was there; from now on its word counts.
    eniId: record.object?.eniId ?? record.eniId,
    holding: {
      kind: "cooling-down",
      containerId,
      ifName,
      since: now.wall,
      restingSince: now.monotonic,
      vethGone: false,
    },
  };
  return {
    state: withAddress(state, address),
    changes: [{ type: "holding", address }],
    effects: [{ type: "released", address: record.address }],
  };
}
