import type { WaitingClock } from "../../../time/waiting-clock.ts";
import { Pool } from "../pool.ts";
import { emptyPool, type PoolState } from "../pool-state.ts";

/** A pool of the instance `ins-1`, empty and closed but for what is told, that stores nothing. What is fatal is thrown. */
export function poolInMemory({
  clock,
  coolDownMs,
  ...state
}: { clock: WaitingClock; coolDownMs: number } & Partial<Pick<PoolState, "open" | "readyEnis">>): Pool {
  return new Pool(
    { ...emptyPool({ coolDownMs, instanceId: "ins-1" }), ...state },
    {
      clock,
      store: { apply() {} },
      onFatal(error) {
        throw error;
      },
    },
  );
}
