import { describe, expect, it } from "bun:test";
import type { StoreEvent } from "../../kube/reflector/store.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import type { EniSpec } from "../links/eni-spec.ts";
import { Pool } from "../pool/pool.ts";
import { emptyPool, type PoolState } from "../pool/pool-state.ts";
import { feedPool } from "./feed-pool.ts";
import type { NodeObjects } from "./node-objects.ts";
import type { SeenAddress, SeenConfig, SeenEni } from "./seen-objects.ts";

/** A watch whose list the test completes. */
class FakeReflector<S extends { name: string }> {
  readonly #listeners = new Set<(event: StoreEvent<S>) => void>();
  #objects: readonly S[] = [];
  #synced = false;
  readonly store = { list: () => [...this.#objects] };

  hasSynced(): boolean {
    return this.#synced;
  }

  subscribe(listener: (event: StoreEvent<S>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  sync(objects: readonly S[]): void {
    this.#objects = objects;
    this.#synced = true;
    for (const object of objects) this.#tell({ type: "added", object });
    this.#tell({ type: "synced" });
  }

  #tell(event: StoreEvent<S>): void {
    for (const listener of this.#listeners) listener(event);
  }
}

const eni: SeenEni = {
  name: "eni-1",
  uid: "uid-1",
  resourceVersion: "7",
  instanceId: "ins-1",
  spec: {
    eniId: "eni-1",
    mac: "20:90:6f:00:00:11",
    primaryIp: "10.0.16.2",
    gateway: "10.0.16.1",
    subnetId: "subnet-1",
  },
  claim: { uid: "uid-1", reclaim: { token: "t1", mode: "now" } },
  use: undefined,
};

function feed(state: Partial<PoolState>) {
  const stored: unknown[] = [];
  const wanted: (readonly EniSpec[])[] = [];
  const pool = new Pool(
    { ...emptyPool({ coolDownMs: 1 }), ...state },
    {
      clock: createManualClock(),
      store: { apply: (changes) => stored.push(...changes) },
      onFatal(error) {
        throw error;
      },
    },
  );
  const enis = new FakeReflector<SeenEni>();
  const addresses = new FakeReflector<SeenAddress>();
  const configs = new FakeReflector<SeenConfig>();
  const config = () => configs.store.list()[0];
  feedPool({ enis, addresses, configs, config } as object as NodeObjects, {
    pool,
    network: { setWanted: (specs) => wanted.push(specs) },
  });
  return { pool, enis, configs, stored, wanted };
}

describe("feedPool()", () => {
  it("draws no conclusion from the ENIs before it knows which instance this is: a promise stays", () => {
    const promise = { kind: "reclaimable", token: "t1", since: 5 } as const;
    const { pool, enis, stored, wanted } = feed({
      open: true,
      claims: new Map([["eni-1", { uid: "uid-1", promise }]]),
    });
    enis.sync([eni]);
    expect(pool.state.claims.get("eni-1")?.promise).toEqual(promise);
    expect(stored).toEqual([]);
    expect(wanted).toEqual([]);
    pool.take({ type: "instance-known", instanceId: "ins-1" });
    expect(pool.state.claims.get("eni-1")?.promise).toEqual(promise);
    expect(wanted).toEqual([[eni.spec]]);
  });

  it("goes by what is said of this instance's room, and by nothing said of another", () => {
    const { pool, configs } = feed({});
    const growth = { room: 7, assigned: 5, onDemand: false };
    const config: SeenConfig = {
      name: "node-1",
      uid: "u",
      resourceVersion: "1",
      instanceId: "ins-1",
      growth,
      conditions: [],
      use: undefined,
    };
    configs.sync([config]);
    expect(pool.state.growth).toEqual({ room: 0, onDemand: false });
    pool.take({ type: "instance-known", instanceId: "ins-1" });
    expect(pool.state.growth).toEqual(growth);
    configs.sync([{ ...config, instanceId: "ins-of-before" }]);
    expect(pool.state.growth).toEqual({ room: 0, onDemand: false });
  });

  it("takes up the ENIs of this instance only", () => {
    const { pool, enis, wanted } = feed({ instanceId: "ins-1" });
    enis.sync([eni, { ...eni, name: "eni-2", instanceId: "ins-of-before" }]);
    expect([...pool.state.claims.keys()]).toEqual(["eni-1"]);
    expect(wanted.at(-1)).toEqual([eni.spec]);
  });
});
