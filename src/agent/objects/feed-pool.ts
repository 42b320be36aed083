import type { NodeNetwork } from "../links/node-network.ts";
import { isNews } from "../pool/observe-object.ts";
import type { Pool } from "../pool/pool.ts";
import { UNKNOWN_GROWTH } from "../pool/pool-state.ts";
import type { NodeObjects } from "./node-objects.ts";

/**
 * Brings what the watches see to pool and links. Before a watch has held a complete list, what it lacks means nothing, so
 * nothing is taken out of the pool then; nor before it is known which instance this is.
 *
 * @returns a function that ends it
 */
export function feedPool(
  objects: NodeObjects,
  { pool, network }: { pool: Pool; network: Pick<NodeNetwork, "setWanted"> },
): () => void {
  const { addresses, enis, configs } = objects;

  function enisChanged(): void {
    const instance = pool.state.instanceId;
    // A list without ours would end promises and free numbers: so it must be known which ones are ours.
    if (!enis.hasSynced() || instance === undefined) return;
    const own = enis.store.list().filter(({ instanceId }) => instanceId === instance);
    pool.take({
      type: "claims-listed",
      claims: new Map(own.map(({ name, claim }) => [name, claim])),
    });
    network.setWanted(own.map(({ spec }) => spec));
  }

  function configChanged(): void {
    // Of a machine that had this name before, nothing is to be learnt.
    const config = objects.config();
    const ours = config?.instanceId !== undefined && config.instanceId === pool.state.instanceId;
    const growth = ours ? config.growth : UNKNOWN_GROWTH;
    if (!Bun.deepEquals(growth, pool.state.growth)) pool.take({ type: "growth-known", growth });
  }

  const ends = [
    addresses.subscribe((event) => {
      switch (event.type) {
        case "added":
        case "modified":
          // Most of what the watch shows is what this agent has written itself.
          if (isNews(pool.state, event.object.object)) {
            pool.take({ type: "object-seen", object: event.object.object });
          }
          return;
        case "deleted":
          pool.take({ type: "object-gone", address: event.object.object.address });
          return;
        case "synced":
          pool.take({
            type: "objects-listed",
            objects: addresses.store.list().map(({ object }) => object),
          });
      }
    }),
    enis.subscribe(enisChanged),
    configs.subscribe(configChanged),
    pool.subscribe(({ before, after }) => {
      // Which objects are ours depends on which instance this is.
      if (before.instanceId === after.instanceId) return;
      enisChanged();
      configChanged();
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
