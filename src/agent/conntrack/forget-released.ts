import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import type { Pool } from "../pool/pool.ts";
import type { Conntrack } from "./conntrack.ts";

/**
 * So long it is put off. The kernel walks through all connections, and pods that come and go need not wait for that; and the link of a
 * pod that has gone stands for up to 0.6 s, in which a connection that was sent to it may begin anew.
 */
const PUT_OFF_MS = 1_000;
/** Between two addresses: others are answered meanwhile. */
const PAUSE_MS = 5;

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
  /** And when (monotonic) it is time, the earliest first. */
  const released = new Map<string, number>();
  let cancel: (() => void) | undefined;

  function forget(address: string): void {
    if (!released.delete(address)) return;
    try {
      conntrack.forget(address);
    } catch (error) {
      logger.warn({ address, err: error }, "tracked connections of an address were not deleted");
    }
  }

  function forgetNext(): void {
    cancel = undefined;
    const [first] = released;
    if (first === undefined) return;
    const [address, due] = first;
    if (due <= clock.monotonic()) forget(address);
    const [next] = released.values();
    if (next === undefined) return;
    cancel = startTimer(clock, Math.max(PAUSE_MS, next - clock.monotonic()), forgetNext);
  }

  const unsubscribe = pool.subscribe(({ effects }) => {
    for (const effect of effects) {
      if (effect.type === "answer") for (const { address } of effect.addresses) forget(address);
      if (effect.type !== "released") continue;
      released.set(effect.address, clock.monotonic() + PUT_OFF_MS);
      cancel ??= startTimer(clock, PUT_OFF_MS, forgetNext);
    }
  });
  return () => {
    unsubscribe();
    cancel?.();
    for (const address of [...released.keys()]) forget(address);
  };
}
