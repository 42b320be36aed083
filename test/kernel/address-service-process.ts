import { join } from "node:path";
import { Pool } from "../../src/agent/pool/pool.ts";
import { restorePool } from "../../src/agent/pool/restore-pool.ts";
import { addressService } from "../../src/agent/server/address-service.ts";
import { serveConnect } from "../../src/agent/server/serve-connect.ts";
import { serveGrpc } from "../../src/agent/server/serve-grpc.ts";
import { openStore } from "../../src/agent/store/open-store.ts";
import { AddressService } from "../../src/gen/tke/eni/agent/v1/address_pb.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";

/** What the process is told, one JSON object a line: addresses that are there now, or to say when so many callers wait for one. */
export type ToAddressService = { readonly addresses: readonly string[] } | { readonly callers: number };

// The part of the agent that answers plugins, with addresses that it is told. argv[2] is the folder of store and sockets. It says
// "serving" when it does.
if (import.meta.main) {
  const folder = process.argv[2] ?? "";
  const { store } = openStore({ folder: join(folder, "state"), bootId: "boot-1" });
  const now = { wall: Date.now(), monotonic: performance.now() };
  const stored = { addresses: store.addresses(), promises: store.promisedEnis() };
  const pool = new Pool(restorePool(stored, { coolDownMs: 30_000, instanceId: "ins-1", now }), {
    clock: systemWaitingClock,
    store,
    onFatal(error) {
      throw error;
    },
  });
  pool.take({ type: "enis-ready", eniIds: new Set(["eni-1"]) });
  pool.take({ type: "opened" });
  const service = addressService({
    links: { make: () => undefined, take: () => false },
    pool: () => pool,
    factsOf: () => ({ nodeAddress: "10.0.1.11", table: 4003, mac: "20:90:6f:00:00:11", mtu: 1500 }),
    settle: async () => [],
    problemsOf: () => [],
    readyCondition: () => undefined,
    failed() {},
    clock: systemWaitingClock,
  });
  await serveConnect(join(folder, "run", "cni.sock"), (router) => router.service(AddressService, service));
  await serveGrpc(join(folder, "run", "agent.sock"), (router) => router.service(AddressService, service));
  console.log("serving");
  for await (const line of console) {
    const told: ToAddressService = JSON.parse(line);
    if ("callers" in told) {
      while (pool.state.waiters.length !== told.callers) await Bun.sleep(5);
    }
    for (const address of "addresses" in told ? told.addresses : []) {
      const object = {
        address,
        uid: `uid-${address}`,
        eniId: "eni-1",
        subnetId: "subnet-1",
        instanceId: "ins-1",
      };
      pool.take({ type: "object-seen", object });
    }
    console.log("taken");
  }
}
