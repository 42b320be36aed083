import { join } from "node:path";
import { createInterface } from "node:readline";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import { NodeNetwork } from "../../src/agent/links/node-network.ts";
import type { PrimaryEgress } from "../../src/agent/nft/primary-egress.ts";
import { Pool } from "../../src/agent/pool/pool.ts";
import { restorePool } from "../../src/agent/pool/restore-pool.ts";
import { addressService } from "../../src/agent/server/address-service.ts";
import { serveConnect } from "../../src/agent/server/serve-connect.ts";
import { openStore } from "../../src/agent/store/open-store.ts";
import { AddressService } from "../../src/gen/tke/eni/agent/v1/address_pb.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";

/** What the process is told, one JSON object a line. */
export type ToNodeNetwork =
  | { readonly wanted: readonly EniSpec[] }
  | { readonly egress: PrimaryEgress }
  /** Pods may have these from now on, by cni.sock in the folder. */
  | { readonly addresses: readonly { address: string; eniId: string; subnetId: string }[] }
  | "stop";

// The part of the agent that keeps the node's links, in the network namespace that this process is started in: the agent's sockets
// belong to the namespace of its process. argv[2] is the folder of its store; every view and every log line goes to stdout.
if (import.meta.main) {
  const tell = (line: object) => console.log(JSON.stringify(line));
  const log = (level: string) => (fields: object, message: string) => tell({ level, message, ...fields });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const folder = process.argv[2] ?? "";
  const clock = systemWaitingClock;
  const opened = openStore({ folder, bootId: "boot-1" });
  opened.vouch();
  const { store } = opened;
  const stored = { addresses: store.addresses(), promises: store.promisedEnis() };
  const now = { wall: clock.now(), monotonic: clock.monotonic() };
  const pool = new Pool(restorePool(stored, { coolDownMs: 1_000, instanceId: "ins-1", now }), {
    clock,
    store,
    onFatal(error) {
      throw error;
    },
  });
  const network = new NodeNetwork({ clock, logger, pool, store });
  network.subscribe((view) => tell({ view }));
  pool.subscribe(({ after, effects }) => {
    tell({ ready: [...after.readyEnis] });
    if (effects.some(({ type }) => type === "released")) network.readSoon();
  });
  await network.start();
  const service = addressService({
    pool: () => pool,
    factsOf: (eniId) => network.factsOf(eniId),
    settle: (eniId) => network.settle(eniId),
    problemsOf: (eniId) => network.problemsOf(eniId),
    readyCondition: () => undefined,
    failed() {},
    clock,
  });
  const server = await serveConnect(join(folder, "cni.sock"), (router) =>
    router.service(AddressService, service),
  );
  for await (const line of createInterface({ input: process.stdin })) {
    const command: ToNodeNetwork = JSON.parse(line);
    if (command === "stop") break;
    if ("egress" in command) {
      network.setEgress(command.egress);
      await network.pass();
    } else if ("addresses" in command) {
      pool.take({ type: "opened" });
      for (const given of command.addresses) {
        const object = { ...given, uid: `uid-${given.address}`, instanceId: "ins-1" };
        pool.take({ type: "object-seen", object });
      }
    } else network.setWanted(command.wanted);
    tell({ heard: true });
  }
  await server.stop();
  await network.stop();
  pool.close();
  store.close();
  // The standard input is still open.
  process.exit(0);
}
