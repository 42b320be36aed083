import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Drift } from "../../src/agent/drift/drift.ts";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import { type NetworkView, NodeNetwork } from "../../src/agent/links/node-network.ts";
import { PodLinks } from "../../src/agent/links/pod-links.ts";
import type { PrimaryEgress } from "../../src/agent/nft/primary-egress.ts";
import { Pool } from "../../src/agent/pool/pool.ts";
import { restorePool } from "../../src/agent/pool/restore-pool.ts";
import { addressService } from "../../src/agent/server/address-service.ts";
import { serveConnect } from "../../src/agent/server/serve-connect.ts";
import { openStore } from "../../src/agent/store/open-store.ts";
import { AddressService } from "../../src/gen/tke/eni/agent/v1/address_pb.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";

export interface FreeAddress {
  readonly address: string;
  readonly eniId: string;
  readonly subnetId: string;
}

/** A pod that was given an address. */
export interface GivenPod {
  readonly address: string;
  readonly eniId: string;
  readonly name: string;
  readonly containerId: string;
}

/** What the process is told, one JSON object a line. */
export type ToNodeNetwork =
  | { readonly wanted: readonly EniSpec[] }
  | { readonly egress: PrimaryEgress }
  /** Pods may have these from now on, by cni.sock in the folder. */
  | { readonly addresses: readonly FreeAddress[] }
  /** Gives each pod its address. */
  | { readonly pods: readonly GivenPod[] }
  /** A container gives back what it holds. */
  | { readonly released: string }
  /** The object of an address has gone; it names another machine, or there is none any more. */
  | { readonly orphaned: string; readonly orphan: "absent" | "elsewhere" }
  | "stop";

/** What it tells; whatever else it prints are its log lines. */
export interface FromNodeNetwork {
  readonly heard?: true;
  readonly view?: NetworkView;
  readonly drift?: readonly Drift[];
  /** Milliseconds of a whole look at the kernel. */
  readonly looked?: number;
  readonly ready?: readonly string[];
  /** Containers by the address that they hold; comes with `ready`. */
  readonly held?: Readonly<Record<string, string>>;
}

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
  const links: PodLinks = new PodLinks({ logger, deleteSoon: () => network.deleteSoon(), made() {} });
  const network = new NodeNetwork({
    clock,
    logger,
    pool,
    store,
    rush: { restMs: () => 0 },
    drifted: (drift) => tell({ drift }),
    looked: (looked) => tell({ looked }),
  });
  network.subscribe((view) => tell({ view }));
  pool.subscribe(({ after, effects }) => {
    const held = Object.fromEntries(
      [...after.addresses.values()].flatMap(({ address, holding }) =>
        holding.kind === "in-use" ? [[address, holding.attachment.containerId]] : [],
      ),
    );
    tell({ ready: [...after.readyEnis], held });
    if (effects.some(({ type }) => type === "released")) network.readSoon();
  });
  await network.start();
  const service = addressService({
    links,
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

  function seen(address: FreeAddress): void {
    pool.take({ type: "opened" });
    const object = { ...address, uid: `uid-${address.address}`, instanceId: "ins-1" };
    pool.take({ type: "object-seen", object });
  }

  /** The only address that is free is its. */
  async function give({ address, eniId, containerId, name }: GivenPod): Promise<void> {
    seen({ address, eniId, subnetId: "subnet-1" });
    const attachment = { containerId, ifName: "eth0", podNamespace: "default", podName: name, podUid: "" };
    const given = await pool.allocate({ attachment, netns: "" }, () => AbortSignal.timeout(1_000));
    const addresses = given.map((record) => record.address).join(", ");
    if (addresses !== address) throw new Error(`${name} was given ${addresses} instead of ${address}`);
  }

  for await (const line of createInterface({ input: process.stdin })) {
    const command: ToNodeNetwork = JSON.parse(line);
    if (command === "stop") break;
    if ("egress" in command) {
      network.setEgress(command.egress);
      await network.pass();
    }
    if ("wanted" in command) network.setWanted(command.wanted);
    if ("addresses" in command) for (const address of command.addresses) seen(address);
    if ("pods" in command) for (const pod of command.pods) await give(pod);
    if ("released" in command) pool.release({ containerId: command.released, ifName: "eth0" });
    if ("orphaned" in command) {
      const { orphaned: address, orphan } = command;
      pool.take({ type: "object-gone", address });
      pool.take({ type: "orphan-judged", address, orphan });
      network.readSoon();
    }
    tell({ heard: true });
  }
  await server.stop();
  await network.stop();
  pool.close();
  store.close();
  // The standard input is still open.
  process.exit(0);
}
