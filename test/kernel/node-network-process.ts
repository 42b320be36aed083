import { createInterface } from "node:readline";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import { NodeNetwork } from "../../src/agent/links/node-network.ts";
import type { PrimaryEgress } from "../../src/agent/nft/primary-egress.ts";
import { Pool } from "../../src/agent/pool/pool.ts";
import { emptyPool } from "../../src/agent/pool/pool-state.ts";
import { openStore } from "../../src/agent/store/open-store.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";

/** What the process is told, one JSON object a line. */
export type ToNodeNetwork =
  | { readonly wanted: readonly EniSpec[] }
  | { readonly egress: PrimaryEgress }
  | "stop";

// The part of the agent that keeps the node's links, in the network namespace that this process is started in: the agent's sockets
// belong to the namespace of its process. argv[2] is the folder of its store; every view and every log line goes to stdout.
if (import.meta.main) {
  const tell = (line: object) => console.log(JSON.stringify(line));
  const log = (level: string) => (fields: object, message: string) => tell({ level, message, ...fields });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  const { store } = openStore({ folder: process.argv[2] ?? "", bootId: "boot-1" });
  const pool = new Pool(emptyPool({ coolDownMs: 1_000, instanceId: "ins-1" }), {
    clock: systemWaitingClock,
    store,
    onFatal(error) {
      throw error;
    },
  });
  const network = new NodeNetwork({ clock: systemWaitingClock, logger, pool, store });
  network.subscribe((view) => tell({ view }));
  pool.subscribe(({ after }) => tell({ ready: [...after.readyEnis] }));
  await network.start();
  for await (const line of createInterface({ input: process.stdin })) {
    const command: ToNodeNetwork = JSON.parse(line);
    if (command === "stop") break;
    if ("egress" in command) {
      network.setEgress(command.egress);
      await network.pass();
    } else network.setWanted(command.wanted);
    tell({ heard: true });
  }
  await network.stop();
  pool.close();
  store.close();
  // The standard input is still open.
  process.exit(0);
}
