import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { type Attachment, isSameAttachment } from "../pool/attachment.ts";
import type { Pool } from "../pool/pool.ts";
import type { PodEvents } from "./pod-events.ts";

/** An object that somebody deleted by force is made anew within this time, as long as the cloud has the address. */
const COMES_BACK_MS = 10_000;

/**
 * Warns of each address that a pod goes on using although its object has gone: ipamd lets one go only when the cloud has shown
 * that it has it no longer.
 *
 * @returns a function that ends it
 */
export function warnOfLostAddresses(
  { clock, events }: { clock: WaitingClock; events: Pick<PodEvents, "addressLost"> },
  pool: Pick<Pool, "state" | "subscribe">,
): () => void {
  const timers = new Set<() => void>();

  function look(address: string, holder: Attachment): void {
    const record = pool.state.addresses.get(address);
    if (record?.holding.kind !== "in-use" || record.object !== undefined) return;
    // Another node has it, which is told with what is done about it.
    if (record.orphan === "elsewhere") return;
    if (!isSameAttachment(record.holding.attachment, holder)) return;
    events.addressLost(holder, record);
  }

  const unsubscribe = pool.subscribe(({ effects }) => {
    for (const effect of effects) {
      if (effect.type !== "orphaned") continue;
      const cancel = startTimer(clock, COMES_BACK_MS, () => {
        timers.delete(cancel);
        look(effect.address, effect.attachment);
      });
      timers.add(cancel);
    }
  });
  return () => {
    unsubscribe();
    for (const cancel of timers) cancel();
  };
}
