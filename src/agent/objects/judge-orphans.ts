import { vpcIpName } from "../../api/vpc-ip-name.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import type { Pool } from "../pool/pool.ts";
import type { PoolState } from "../pool/pool-state.ts";
import { addressResource } from "./node-objects.ts";

export interface OrphanWorld {
  readonly kube: Pick<KubeClient, "find">;
  readonly clock: WaitingClock;
  readonly logger: Logger;
}

/** How often an address whose object has gone is asked for again: the watch, which is of this node alone, does not tell of others. */
const PERIOD_MS = 10_000;

/**
 * Finds out what became of the objects of addresses that pods hold here and that this node's watch does not show: gone, or another
 * machine's. Only an object that names both another node and another instance says the latter: a machine that registers under another
 * name keeps what it has. No answer says nothing.
 */
export async function judgeOrphans(
  { kube, clock, logger }: OrphanWorld,
  {
    pool,
    node,
    signal,
  }: { pool: Pick<Pool, "state" | "subscribe" | "take">; node: string; signal: AbortSignal },
): Promise<void> {
  let wake = new AbortController();
  const end = pool.subscribe(({ effects }) => {
    if (effects.some(({ type }) => type === "orphaned")) wake.abort();
  });
  while (!signal.aborted) {
    wake = new AbortController();
    for (const address of orphans(pool.state)) {
      try {
        const object = await kube.find(addressResource, vpcIpName(address), { signal });
        const { instanceId } = pool.state;
        if (object === undefined) pool.take({ type: "orphan-judged", address, orphan: "absent" });
        else if (
          instanceId !== undefined &&
          object.spec.node !== node &&
          object.spec.instanceID !== instanceId
        ) {
          pool.take({ type: "orphan-judged", address, orphan: "elsewhere" });
        }
      } catch (error) {
        if (signal.aborted) break;
        logger.warn({ address, err: error }, "what became of the VpcIP of an address in use is not known");
      }
    }
    await clock.sleep(PERIOD_MS, AbortSignal.any([signal, wake.signal]));
  }
  end();
}

function orphans({ addresses }: PoolState): string[] {
  return [...addresses.values()].flatMap(({ address, holding, object }) =>
    holding.kind === "in-use" && object === undefined ? [address] : [],
  );
}
