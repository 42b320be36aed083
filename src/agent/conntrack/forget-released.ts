import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import type { Pool } from "../pool/pool.ts";
import type { Conntrack } from "./conntrack.ts";

/** So long it is put off, since the kernel walks through all connections and pods that come and go need not wait for that. */
const PUT_OFF_MS = 100;

/**
 * Voids the connections of each address that a pod has given back, before another pod has it: that one must not get the replies of the
 * former one's connections, nor be reached by its NodePorts.
 *
 * @returns a function that ends it
 */
export function forgetReleased(
  pool: Pick<Pool, "subscribe">,
  {
    conntrack,
    clock,
    logger,
  }: { conntrack: Pick<Conntrack, "forget">; clock: WaitingClock; logger: Pick<Logger, "warn"> },
): () => void {
  const released = new Set<string>();
  let cancel: (() => void) | undefined;

  function forget(address: string): void {
    if (!released.delete(address)) return;
    try {
      conntrack.forget(address);
    } catch (error) {
      logger.warn({ address, err: error }, "tracked connections of an address were not deleted");
    }
  }

  const unsubscribe = pool.subscribe(({ effects }) => {
    for (const effect of effects) {
      if (effect.type === "answer") for (const { address } of effect.addresses) forget(address);
      if (effect.type !== "released") continue;
      released.add(effect.address);
      cancel ??= startTimer(clock, PUT_OFF_MS, () => {
        cancel = undefined;
        for (const address of [...released]) forget(address);
      });
    }
  });
  return () => {
    unsubscribe();
    cancel?.();
    for (const address of [...released]) forget(address);
  };
}
