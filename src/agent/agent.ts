import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { CONFLIST_FILE } from "../api/agent-paths.ts";
import { AddressService } from "../gen/tke/eni/agent/v1/address_pb.ts";
import { AgentCore, type AgentCoreWorld, type AgentPhase } from "./agent-core.ts";
import type { AgentOptions } from "./agent-options.ts";
import { QueuedReleases } from "./collect/queued-releases.ts";
import { Conntrack } from "./conntrack/conntrack.ts";
import { forgetReleased } from "./conntrack/forget-released.ts";
import { containerRuntime } from "./cri/container-runtime.ts";
import { giveBackMemory } from "./give-back-memory.ts";
import { conflist } from "./install/conflist.ts";
import { installDropIns, removeDropIns } from "./install/drop-ins.ts";
import { writeIfChanged } from "./install/write-if-changed.ts";
import { ipvsSign } from "./kube-proxy/ipvs.ts";
import { warnOfIpvs } from "./kube-proxy/warn-of-ipvs.ts";
import { BoundPods } from "./kubelet/bound-pods.ts";
import { DevicePlugin } from "./kubelet/device-plugin.ts";
import { NodeStatus } from "./kubelet/node-status.ts";
import { NodeNetwork } from "./links/node-network.ts";
import { PodLinks } from "./links/pod-links.ts";
import { followMasquerade } from "./masquerade/follow-masquerade.ts";
import { canServe } from "./pool/can-serve.ts";
import type { Pool } from "./pool/pool.ts";
import { readKernel, readVeths } from "./recovery/read-kernel.ts";
import { addressService } from "./server/address-service.ts";
import { serveConnect } from "./server/serve-connect.ts";
import { serveGrpc } from "./server/serve-grpc.ts";
import { touchServedFile } from "./server/served-file.ts";
import type { AgentStore } from "./store/agent-store.ts";
import { announcedSlots } from "./store/announced-slots.ts";
import { type OpenedStore, openStore } from "./store/open-store.ts";
import { ownStore } from "./store/own-store.ts";

/** What the agent needs of the world. */
export interface AgentWorld extends Omit<AgentCoreWorld, "runtime" | "readKernel" | "veths"> {
  readonly bootId: string;
}

export interface AgentHealth {
  phase: AgentPhase;
  /** Whether this process does its part. */
  well: boolean;
  /** What is wrong, for people. */
  problem?: string | undefined;
}

/** Before the node's links were looked at. */
const STARTING = "the node's network is still being set up";
/** How often the store's file is looked for. */
const STORE_CHECK_MS = 1_000;

/** The agent of a node: its core, with the sockets, the kernel, the kubelet and the container runtime around it. */
export class Agent {
  readonly #world: AgentWorld;
  readonly #options: AgentOptions;
  readonly #core: AgentCore;
  readonly #stopping = new AbortController();
  /** What was started, to be ended in reverse. */
  readonly #started = new AsyncDisposableStack();
  readonly #conntrack = new Conntrack();
  readonly #links: PodLinks;
  #plugin: DevicePlugin | undefined;
  #network: NodeNetwork | undefined;
  #conflistWritten = false;

  constructor(world: AgentWorld, options: AgentOptions) {
    this.#world = world;
    this.#options = options;
    const { criSocket } = options;
    const runtime = criSocket === undefined ? undefined : containerRuntime(criSocket);
    this.#links = new PodLinks({
      logger: world.logger,
      deleteSoon: () => this.#network?.deleteSoon(),
      made: (by) => this.#core.metrics.linkMade(by),
    });
    this.#core = new AgentCore({ ...world, runtime, readKernel, veths: readVeths }, options);
  }

  health(): AgentHealth {
    const problem = this.#network?.view.problem;
    return { phase: this.#core.phase, well: problem === undefined, problem };
  }

  /** Everything that is counted, as text for Prometheus. */
  metrics(): Promise<string> {
    return this.#core.metrics.render({
      phase: this.#core.phase,
      pool: this.#core.pool?.state,
      enis: this.#network?.view.enis ?? [],
      offered: this.#core.offered,
      standing: this.#network?.standingDrift() ?? new Map(),
    });
  }

  /** Begins to serve. Resolves when it does, or when it was stopped before. */
  async start(): Promise<void> {
    const { logger } = this.#world;
    const { stateFolder, runFolder } = this.#options;
    const { signal } = this.#stopping;
    await this.#offerSlots();
    const disown = await ownStore(stateFolder, signal);
    if (disown === undefined) return;
    this.#started.defer(disown);
    this.#plugin?.takeOver();

    const opened = openStore({ folder: stateFolder, bootId: this.#world.bootId });
    this.#started.defer(() => opened.store.close());
    this.#watchStore(opened);
    logger.info({ trust: opened.trust, reason: opened.reason }, "opened the store");
    // The sockets come first: a plugin that is told to try again knows more than one that finds nobody.
    await this.#serve(runFolder);
    if (!(await this.#core.remember(opened))) return;
    await this.#work(opened);
  }

  /**
   * Ends in order: no more pods come, callers that wait are told to try again, calls that run are answered, then the rest goes.
   */
  async stop(): Promise<void> {
    // While addresses are still served: pods that have been sent here are waited for.
    await this.#plugin?.stop();
    this.#stopping.abort();
    await this.#core.stop();
    await this.#started.disposeAsync();
    this.#conntrack.close();
    this.#links.close();
  }

  /** Before anything else, so that a predecessor can hand over: without slots the kubelet fails pods for good. */
  async #offerSlots(): Promise<void> {
    const { kubeletFolder, instance, nodeName, stateFolder } = this.#options;
    if (kubeletFolder === undefined) return;
    const { kube, clock, random, logger } = this.#world;
    const plugin = new DevicePlugin({
      kubeletFolder,
      instance,
      announced: () => announcedSlots(stateFolder),
      nodeStatus: new NodeStatus({ client: kube, nodeName, clock, random, logger }),
      boundPods: new BoundPods({ client: kube, nodeName, clock, random, logger }),
      clock,
      random,
      logger,
    });
    plugin.onOffered((count) => this.#core.slotsOffered(count));
    plugin.onHeld((byPod, readAt) => this.#core.slotsHeld(byPod, readAt));
    await plugin.start();
    this.#plugin = plugin;
  }

  async #serve(runFolder: string): Promise<void> {
    const service = addressService({
      pool: () => this.#core.pool,
      factsOf: (eniId) => this.#network?.factsOf(eniId),
      settle: async (eniId) => (await this.#network?.settle(eniId)) ?? [STARTING],
      problemsOf: (eniId) => this.#network?.problemsOf(eniId) ?? [STARTING],
      links: this.#links,
      readyCondition: () => this.#core.readyCondition(),
      failed: (attachment, cause) => this.#core.podEvents.failedAllocation(attachment, cause),
      clock: this.#world.clock,
    });
    const routes = (router: ConnectRouter) => {
      router.service(AddressService, service);
    };
    // One after the other: both change the process's umask while they bind.
    const forPlugins = await serveConnect(join(runFolder, "cni.sock"), routes);
    this.#started.defer(() => forPlugins.stop());
    const forOthers = await serveGrpc(join(runFolder, "agent.sock"), routes);
    this.#started.defer(() => forOthers.stop());
  }

  async #work({ store }: OpenedStore): Promise<void> {
    const { clock, logger } = this.#world;
    const pool = this.#core.restore(store);

    const releases = new QueuedReleases(join(this.#options.stateFolder, "releases"), {
      logger,
      release: (attachment) => pool.release(attachment),
    });
    releases.start();
    this.#started.defer(() => releases.stop());

    const network = new NodeNetwork({
      clock,
      logger,
      pool,
      store,
      rush: this.#core.rush,
      drifted: (found) => this.#core.report(found),
      looked: (ms) => this.#core.metrics.looked(ms),
    });
    network.setInternalIp(store.meta("node-address"));
    this.#watchEgress(network, store);
    await network.start();
    this.#network = network;
    this.#started.defer(
      pool.subscribe(({ before, after }) => {
        if (after.waiters.length > before.waiters.length) network.hurry();
      }),
    );
    this.#started.defer(giveBackMemory({ rush: this.#core.rush, clock }, () => Bun.gc(true)));
    this.#started.defer(forgetReleased(pool, { conntrack: this.#conntrack, clock, logger }));
    this.#started.defer(() => network.stop());
    this.#core.serve(network, { store, plugin: this.#plugin });
    const { runFolder } = this.#options;
    this.#started.defer(
      touchServedFile(runFolder, (error) =>
        logger.error({ err: error, runFolder }, "what plugins' STATUS goes by cannot be written"),
      ),
    );
    this.#offerNetwork(pool, network);
    this.#keepDropIns(network);
  }

  /** The host's own network daemons are told which links are ours, as ENIs come and go. Without that the node works all the same. */
  #keepDropIns(network: NodeNetwork): void {
    const { hostEtc, dropIns } = this.#options;
    if (hostEtc === undefined) return;
    const { logger } = this.#world;
    let known: string | undefined;
    const look = () => {
      const macs = network.view.enis.map(({ mac }) => mac);
      if (known === macs.join()) return;
      known = macs.join();
      try {
        const files = dropIns ? installDropIns(hostEtc, macs) : removeDropIns(hostEtc);
        if (files.length > 0)
          logger.info({ files, dropIns }, "told the host's network daemons which links are ours");
      } catch (error) {
        logger.warn(
          { hostEtc, err: error },
          "the host's network daemons could not be told which links are ours",
        );
      }
    };
    network.subscribe(look);
    look();
  }

  /** What pods send by the primary interface, and who else might send what they should not. */
  #watchEgress(network: NodeNetwork, store: AgentStore): void {
    const { ipMasq, linkLocal, nodeName } = this.#options;
    const { recorder, metrics } = this.#core;
    if (ipMasq) {
      const masquerade = followMasquerade({ ...this.#world, recorder, store, network }, linkLocal);
      this.#started.defer(() => masquerade.stop());
    } else network.setEgress({ linkLocal, masquerade: undefined });
    const warning = warnOfIpvs(
      { ...this.#world, recorder, tell: (inUse) => metrics.sawIpvs(inUse), sign: ipvsSign },
      { node: nodeName, signal: this.#stopping.signal },
    );
    this.#started.defer(() => warning);
  }

  /** Writes the CNI configuration once a pod that came now would get an address: the runtime takes the node for ready then. */
  #offerNetwork(pool: Pool, network: NodeNetwork): void {
    const { cniConf, runFolder, stateFolder, portMapping, bandwidth } = this.#options;
    const path = join(cniConf, CONFLIST_FILE);
    const content = conflist({
      socket: join(runFolder, "cni.sock"),
      releases: join(stateFolder, "releases"),
      portMapping,
      bandwidth,
    });
    const look = () => {
      if (this.#conflistWritten || network.view.problem !== undefined || !canServe(pool.state)) return;
      this.#conflistWritten = true;
      try {
        if (writeIfChanged(path, content, 0o644)) {
          this.#world.logger.info({ path }, "wrote the CNI configuration: the node can run pods");
        }
      } catch (error) {
        this.#world.onFatal(error);
      }
    };
    pool.subscribe(look);
    network.subscribe(look);
    look();
  }

  #watchStore({ store }: OpenedStore): void {
    const timer = setInterval(() => {
      if (store.isInPlace()) return;
      this.#world.onFatal(
        new Error(
          "the store's file was removed or replaced while it was in use: nothing more can be remembered",
        ),
      );
    }, STORE_CHECK_MS);
    this.#started.defer(() => clearInterval(timer));
  }
}
