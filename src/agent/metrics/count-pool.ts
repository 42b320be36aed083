import type { Clock } from "../../time/clock.ts";
import type { Pool, PoolUpdate } from "../pool/pool.ts";
import type { AgentMetrics } from "./agent-metrics.ts";

/**
 * Counts what the pool gives, takes back and cannot give.
 *
 * @param whyNot what ipamd says now of why there is no address
 * @returns a function that ends it
 */
export function countPool(
  pool: Pick<Pool, "subscribe">,
  {
    clock,
    metrics,
    whyNot,
  }: {
    clock: Pick<Clock, "monotonic">;
    metrics: Pick<AgentMetrics, "allocated" | "released" | "allocationFailed">;
    whyNot: () => string;
  },
): () => void {
  /** Since when (monotonic) each caller has waited. */
  const waitingSince = new Map<number, number>();

  return pool.subscribe(({ before, after, effects }: PoolUpdate) => {
    const now = clock.monotonic();
    for (const effect of effects) {
      switch (effect.type) {
        case "answer":
          metrics.allocated(effect.addresses.length, now - (waitingSince.get(effect.waiter) ?? now));
          waitingSince.delete(effect.waiter);
          break;
        case "dismiss":
          metrics.allocationFailed("RELEASED");
          waitingSince.delete(effect.waiter);
          break;
        case "released":
          metrics.released();
      }
    }
    if (before.waiters === after.waiters) return;
    const waiting = new Set(after.waiters.map(({ id }) => id));
    for (const id of waitingSince.keys()) {
      if (waiting.has(id)) continue;
      waitingSince.delete(id);
      metrics.allocationFailed(whyNot());
    }
    for (const id of waiting) if (!waitingSince.has(id)) waitingSince.set(id, now);
  });
}
