import { join } from "node:path";
import type { ConnectRouter } from "@connectrpc/connect";
import { CONFLIST_FILE } from "../api/agent-paths.ts";
import { AddressService } from "../gen/tke/eni/agent/v1/address_pb.ts";
import type { Random } from "../kube/back-off.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { WaitingClock } from "../kube/waiting-clock.ts";
import type { AgentOptions } from "./agent-options.ts";
import { collectGoneSandboxes } from "./collect/collector.ts";
import { QueuedReleases } from "./collect/queued-releases.ts";
import { Conntrack } from "./conntrack/conntrack.ts";
import { type ContainerRuntime, containerRuntime } from "./cri/container-runtime.ts";
import { conflist } from "./install/conflist.ts";
import { writeIfChanged } from "./install/write-if-changed.ts";
import { BoundPods } from "./kubelet/bound-pods.ts";
import { DevicePlugin } from "./kubelet/device-plugin.ts";
import { NodeStatus } from "./kubelet/node-status.ts";
import { NodeNetwork } from "./links/node-network.ts";
import type { Logger } from "./logger.ts";
import { feedPool } from "./objects/feed-pool.ts";
import { followNode } from "./objects/node-facts.ts";
import {
  addressResource,
  configResource,
  eniResource,
  type NodeObjects,
  startNodeObjects,
} from "./objects/node-objects.ts";
import { Publisher, type StatusToPublish } from "./objects/publisher.ts";
import { configStatus, eniUse } from "./objects/wanted-statuses.ts";
import { boundCount } from "./pool/bound-address.ts";
import { instantOf } from "./pool/instant.ts";
import { Pool, type PoolUpdate } from "./pool/pool.ts";
import { publishedUse } from "./pool/published-use.ts";
import { restorePool } from "./pool/restore-pool.ts";
import { slotTarget } from "./pool/slot-target.ts";
import { recover } from "./recovery/recover.ts";
import { addressService } from "./server/address-service.ts";
import { serveConnect } from "./server/serve-connect.ts";
import { serveGrpc } from "./server/serve-grpc.ts";
import type { AgentStore } from "./store/agent-store.ts";
import { announcedSlots } from "./store/announced-slots.ts";
import { type OpenedStore, openStore } from "./store/open-store.ts";
import { ownStore } from "./store/own-store.ts";

/** What the agent needs of the world. */
export interface AgentWorld {
  readonly transport: KubeTransport;
  readonly kube: KubeClient;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly bootId: string;
  /** The process must end: memory and disk differ, or the store is gone. */
  readonly onFatal: (error: unknown) => void;
}

export interface AgentHealth {
  /** What the agent is doing: waiting for its predecessor to go, finding out who holds what, or serving. */
  phase: "standby" | "recovering" | "serving";
  /** Whether this process does its part. */
  well: boolean;
  /** What is wrong, for people. */
  problem?: string | undefined;
}

/** How often the store's file is looked for. */
const STORE_CHECK_MS = 1_000;
/** How long fewer addresses must be there before the kubelet is offered fewer. */
const LOWER_AFTER_MS = 3_000;

/** The agent of a node. */
export class Agent {
  readonly #world: AgentWorld;
  readonly #options: AgentOptions;
  readonly #stopping = new AbortController();
  /** What was started, to be ended in reverse. */
  readonly #started = new AsyncDisposableStack();
  readonly #conntrack = new Conntrack();
  #phase: AgentHealth["phase"] = "standby";
  /** Slots that the kubelet may hand to pods. */
  #offered = 0;
  #plugin: DevicePlugin | undefined;
  #store: AgentStore | undefined;
  #pool: Pool | undefined;
  #network: NodeNetwork | undefined;
  #objects: NodeObjects | undefined;
  #conflistWritten = false;

  constructor(world: AgentWorld, options: AgentOptions) {
    this.#world = world;
    this.#options = options;
  }

  health(): AgentHealth {
    const problem = this.#network?.view.problem;
    return { phase: this.#phase, well: problem === undefined, problem };
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
    if (!(await this.#remember(opened))) return;
    await this.#work(opened);
  }

  /**
   * Ends in order: no more pods come, callers that wait are told to try again, calls that run are answered, then the rest goes.
   */
  async stop(): Promise<void> {
    // While addresses are still served: pods that have been sent here are waited for.
    await this.#plugin?.stop();
    this.#stopping.abort();
    this.#store = undefined;
    this.#pool?.close();
    await this.#started.disposeAsync();
    this.#conntrack.close();
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
    plugin.onOffered((count) => {
      this.#store?.setMeta("announced-slots", String(count));
      this.#offered = count;
      this.#pool?.take({ type: "slots-offered", count });
    });
    await plugin.start();
    this.#plugin = plugin;
  }

  async #serve(runFolder: string): Promise<void> {
    const service = addressService({
      pool: () => this.#pool,
      factsOf: (eniId) => this.#network?.factsOf(eniId),
      readyCondition: () => this.#objects?.readyCondition(),
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

  /** Whether it is known who holds what; false when the agent was stopped before. */
  async #remember(opened: OpenedStore): Promise<boolean> {
    if (opened.trust === "intact") return true;
    this.#phase = "recovering";
    return recover(
      { ...this.#world, runtime: this.#runtime() },
      { opened, node: this.#options.nodeName, signal: this.#stopping.signal },
    );
  }

  async #work({ store }: OpenedStore): Promise<void> {
    const { clock, logger, onFatal } = this.#world;
    const { coolDownMs, stateFolder } = this.#options;
    const stored = { addresses: store.addresses(), promises: store.promisedEnis() };
    const instanceId = store.meta("instance-id");
    const pool = new Pool(restorePool(stored, { coolDownMs, instanceId, now: instantOf(clock) }), {
      clock,
      store,
      onFatal,
    });
    this.#pool = pool;

    const releases = new QueuedReleases(join(stateFolder, "releases"), {
      logger,
      release: (attachment) => pool.release(attachment),
    });
    releases.start();
    this.#started.defer(() => releases.stop());

    const network = new NodeNetwork({ clock, logger, pool, store });
    network.setInternalIp(store.meta("node-address"));
    await network.start();
    this.#network = network;
    this.#started.defer(() => network.stop());

    this.#store = store;
    store.setMeta("announced-slots", String(this.#offered));
    pool.take({ type: "slots-offered", count: this.#offered });
    pool.take({ type: "opened" });
    this.#phase = "serving";
    logger.info({ addresses: pool.state.addresses.size }, "serving");

    pool.subscribe((update) => this.#tellOfPool(update));
    this.#followObjects(pool, network, store);
    this.#offerNetwork(pool, network);
    this.#followSlots(pool);
    this.#collect(pool);
  }

  #followObjects(pool: Pool, network: NodeNetwork, store: OpenedStore["store"]): void {
    const { kube, clock, logger } = this.#world;
    const { nodeName } = this.#options;
    const objects = startNodeObjects(this.#world, nodeName);
    this.#objects = objects;
    this.#started.defer(() => objects.stop());

    const publisher = new Publisher(this.#world, () => this.#statuses(pool, network, objects));
    this.#started.defer(() => publisher.stop());
    const publish = () => publisher.request();
    pool.subscribe(publish);
    network.subscribe(publish);
    for (const reflector of [objects.addresses, objects.enis, objects.configs]) reflector.subscribe(publish);

    this.#started.defer(feedPool(objects, { pool, network }));

    const instanceKnown = (instanceId: string) => {
      if (instanceId === pool.state.instanceId) return;
      store.setMeta("instance-id", instanceId);
      logger.info({ instanceId }, "this node's instance is known");
      pool.take({ type: "instance-known", instanceId });
    };
    // A kubelet that was not told its providerID: ipamd finds the instance by the node's address. Only then, since the object may
    // still speak of an earlier machine of this name.
    let unnamed = false;
    const takeFromConfig = () => {
      const instanceId = objects.config()?.instanceId;
      if (unnamed && instanceId !== undefined) instanceKnown(instanceId);
    };
    objects.configs.subscribe(takeFromConfig);
    const following = followNode(
      { kube, clock, logger },
      {
        name: nodeName,
        signal: this.#stopping.signal,
        tell: ({ instanceId, internalIp }) => {
          unnamed = instanceId === undefined;
          if (instanceId === undefined) takeFromConfig();
          else instanceKnown(instanceId);
          if (internalIp === undefined) return;
          store.setMeta("node-address", internalIp);
          network.setInternalIp(internalIp);
        },
      },
    );
    this.#started.defer(() => following);
  }

  #statuses(pool: Pool, network: NodeNetwork, objects: NodeObjects): StatusToPublish[] {
    const { state } = pool;
    const { view } = network;
    const now = this.#world.clock.now();
    const addresses = objects.addresses.store.list().flatMap((seen): StatusToPublish[] => {
      const record = state.addresses.get(seen.name);
      const use = record?.object?.uid === seen.uid ? publishedUse(state, record) : undefined;
      if (use === undefined) return [];
      return [{ resource: addressResource, seen, wanted: { use }, observed: { use: seen.use } }];
    });
    const enis = objects.enis.store.list().flatMap((seen): StatusToPublish[] => {
      const use = eniUse(seen, { pool: state, view, now });
      return use === undefined
        ? []
        : [{ resource: eniResource, seen, wanted: { use }, observed: { use: seen.use } }];
    });
    const configs = objects.configs.store.list().map((seen): StatusToPublish => {
      const allocatable = this.#plugin === undefined ? boundCount(state) : this.#offered;
      const wanted = configStatus(seen, { pool: state, view, allocatable, now });
      const conditions = seen.conditions.filter(({ type }) => type === "LinksReady");
      return { resource: configResource, seen, wanted, observed: { use: seen.use, conditions } };
    });
    return [...addresses, ...enis, ...configs];
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
      if (this.#conflistWritten || network.view.problem !== undefined || boundCount(pool.state) === 0) return;
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

  /**
   * Lets the kubelet's slots follow the pool: up at once; down only when the lower number stays, since a link that flaps, or a
   * start whose first view is not complete, must not take away what pods are being sent for.
   */
  #followSlots(pool: Pool): void {
    const plugin = this.#plugin;
    if (plugin === undefined) return;
    let target = this.#offered;
    let lowering: ReturnType<typeof setTimeout> | undefined;
    const set = () => {
      target = slotTarget(pool.state);
      plugin.setTarget(target);
    };
    const look = () => {
      const wanted = slotTarget(pool.state);
      if (wanted >= target) {
        clearTimeout(lowering);
        lowering = undefined;
        if (wanted > target) set();
        return;
      }
      lowering ??= setTimeout(() => {
        lowering = undefined;
        if (this.#objects?.hasSynced()) set();
        else look();
      }, LOWER_AFTER_MS);
    };
    this.#started.defer(() => clearTimeout(lowering));
    this.#started.defer(pool.subscribe(look));
    look();
  }

  #collect(pool: Pool): void {
    const runtime = this.#runtime();
    if (runtime === undefined) return;
    const { clock, logger } = this.#world;
    const collecting = collectGoneSandboxes({ pool, runtime, clock, logger }, this.#stopping.signal);
    this.#started.defer(() => collecting);
  }

  #runtime(): ContainerRuntime | undefined {
    const { criSocket } = this.#options;
    return criSocket === undefined ? undefined : containerRuntime(criSocket);
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

  /** The next pod with the address must not get the replies of this one's connections, nor be reached by its NodePorts. */
  #forgetConnections(address: string): void {
    if (this.#stopping.signal.aborted) return;
    try {
      this.#conntrack.forget(address);
    } catch (error) {
      this.#world.logger.warn({ address, err: error }, "tracked connections of an address were not deleted");
    }
  }

  #tellOfPool({ effects, after }: PoolUpdate): void {
    const { logger } = this.#world;
    for (const effect of effects) {
      switch (effect.type) {
        case "released":
          logger.info({ address: effect.address }, "an address was given back");
          this.#network?.readSoon();
          setImmediate(() => this.#forgetConnections(effect.address));
          break;
        case "answer": {
          const { address, holding } = effect.address;
          if (holding.kind !== "in-use") break;
          const { containerId, podNamespace, podName } = holding.attachment;
          logger.info({ address, containerId, pod: `${podNamespace}/${podName}` }, "gave an address");
          break;
        }
        case "orphaned":
          logger.warn(
            { address: effect.address, containerId: effect.containerId },
            "the VpcIP of an address that a pod holds has gone: the pod keeps it, nobody gets it again",
          );
          break;
        case "promised":
          logger.info({ address: effect.address, token: effect.promise.token }, "promised an address back");
          break;
        case "eni-promised":
          logger.info(
            { eni: effect.eniId, token: effect.promise.token, open: after.open },
            "promised an ENI back with all its addresses",
          );
          break;
        case "dismiss":
      }
    }
  }
}
