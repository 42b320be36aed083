import { ENI_TAGS } from "../api/eni-tags.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../api/node-eni-config.ts";
import { VPC_ENI, type VpcENI } from "../api/vpc-eni.ts";
import { VPC_IP, type VpcIP } from "../api/vpc-ip.ts";
import { VPC_SUBNET, type VpcSubnet } from "../api/vpc-subnet.ts";
import type { CloudVpc } from "../cloud/cloud-vpc.ts";
import type { Random } from "../kube/back-off.ts";
import { type Node, namespaces, nodes, type Pod, pods } from "../kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../kube/kube-client.ts";
import { type LeaderElector, startLeaderElection } from "../kube/lease.ts";
import type { Acquisition } from "../kube/lease-election.ts";
import type { Logger } from "../kube/logger.ts";
import { type Reflector, startReflector } from "../kube/reflector/reflector.ts";
import type { Resource } from "../kube/resource.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { WaitingClock } from "../kube/waiting-clock.ts";
import { CloudReader } from "./cloud-view/cloud-reader.ts";
import { CloudView } from "./cloud-view/cloud-view.ts";
import { applyDefinitions } from "./definitions.ts";
import { fencedVpc } from "./fenced-vpc.ts";
import type { Health } from "./health-server.ts";
import { CreationBook } from "./node/creation-book.ts";
import { type PodOnNode, podOnNode } from "./node/demand.ts";
import { DepartingNodes } from "./node/departing-nodes.ts";
import { InstanceBook } from "./node/instance-book.ts";
import { type NodeSettings, type NodeWorld, tagOf } from "./node/node-world.ts";
import { PresentNodes } from "./node/present-nodes.ts";
import { ClusterObjects } from "./objects/cluster-objects.ts";
import { SubnetBook } from "./subnets/subnet-book.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";

export interface IpamdWorld {
  transport: KubeTransport;
  cloud: CloudVpc;
  clock: WaitingClock;
  random: Random;
  logger: Logger;
  nonce: () => string;
}

export interface IpamdSettings extends Omit<NodeSettings, "cluster"> {
  clusterId: string;
  /** Of the lease. */
  namespace: string;
  /** Unique to this process. */
  identity: string;
  /** Milliseconds that one call to the cloud may take. */
  cloudTimeoutMs: number;
}

/** Pauses, in milliseconds. */
const READ_UNSETTLED_MS = 300;
const READ_ALL_MS = 120_000;
const READ_SUBNETS_MS = 30_000;
const READ_CHANGED_SUBNETS_MS = 3000;
const LOOK_AT_ALL_MS = 30_000;
const FIRST_READING_AGAIN_MS = { least: 1000, most: 30_000 };
const LEASE_MS = 20_000;
const LEASE_RETRY_MS = 2000;
/** Nodes worked on at a time. */
const CONCURRENCY = 8;

export interface Ipamd {
  health(): Health;
  /** Rejects when this process led and does no more: what it knows may be old, so it must start anew. */
  readonly failed: Promise<never>;
  /** Finishes what it is doing, begins nothing more and gives the lease back. */
  stop(): Promise<void>;
}

/**
 * Starts ipamd: definitions, watches, election; the leader works on nodes.
 *
 * @throws when the API server cannot be reached, or its CRDs are somebody else's
 */
export async function startIpamd(world: IpamdWorld, settings: IpamdSettings): Promise<Ipamd> {
  const kube = createKubeClient(world.transport);
  await applyDefinitions(kube, world.clock);
  const system = await kube.get(namespaces, "kube-system");
  const watches = startWatches(world);
  const synced = await Promise.all(Object.values(watches).map((watch) => watch.whenSynced()));
  if (!synced.every(Boolean)) throw new Error("a watch was stopped before it had a complete view");

  const failure = Promise.withResolvers<never>();
  // Without a listener a rejection would end the process before its owner can say why.
  failure.promise.catch(() => {});
  let leadership: Leadership | undefined;
  const stopping = new AbortController();

  const elector: LeaderElector = startLeaderElection(
    { client: kube, clock: world.clock, random: world.random, logger: world.logger },
    {
      namespace: settings.namespace,
      name: "tke-eni-ipamd",
      identity: settings.identity,
      leaseDurationMs: LEASE_MS,
      retryMs: LEASE_RETRY_MS,
      longestCallMs: settings.cloudTimeoutMs,
      onAcquired: (acquisition) => void lead(acquisition).catch(failure.reject),
      onLost: () =>
        failure.reject(
          new Error("this process leads no more: another holds the lease, or it could not be renewed"),
        ),
    },
  );

  async function lead(acquisition: Acquisition): Promise<void> {
    if (!(acquisition.from === "nobody" && (await isNewCluster()))) {
      const waitMs = Math.max(0, acquisition.waitUntil - world.clock.monotonic());
      const seconds = Math.ceil(waitMs / 1000);
      if (seconds > 0) {
        world.logger.info({ seconds }, "waiting until no call of a former leader can be under way any more");
      }
      await world.clock.sleep(waitMs, stopping.signal);
    }
    if (stopping.signal.aborted) return;
    leadership = new Leadership(world, {
      kube,
      elector,
      watches,
      settings: { ...settings, cluster: { id: settings.clusterId, uid: system.metadata.uid } },
      cloudTimeoutMs: settings.cloudTimeoutMs,
    });
    leadership.start();
  }

  /**
   * Without a NodeENIConfig there is no predecessor to wait for: every call that makes something in the cloud is preceded by an
   * intent written to one.
   */
  async function isNewCluster(): Promise<boolean> {
    const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
    return (await kube.list(configs)).items.length === 0;
  }

  world.logger.info({ identity: settings.identity }, "every view is complete; standing by for the lease");
  return {
    failed: failure.promise,
    health: () => ({
      ready: Object.values(watches).every((watch) => watch.hasSynced()),
      leader: elector.isLeader(),
      watches: Object.fromEntries(
        Object.entries(watches).map(([name, watch]) => {
          const age = watch.age();
          return [name, Number.isFinite(age) ? Math.round(age) : null];
        }),
      ),
    }),
    async stop() {
      stopping.abort();
      await leadership?.stop();
      await elector.stop();
      await Promise.all(Object.values(watches).map((watch) => watch.stop()));
    },
  };
}

interface Watches {
  nodes: Reflector<Node>;
  pods: Reflector<PodOnNode, "node">;
  configs: Reflector<NodeENIConfig>;
  enis: Reflector<VpcENI, "node">;
  addresses: Reflector<VpcIP, "node">;
  subnets: Reflector<VpcSubnet>;
}

function startWatches(world: IpamdWorld): Watches {
  const whole = <T>(object: T) => object;
  const configs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
  const enis: Resource<VpcENI> = VPC_ENI;
  const addresses: Resource<VpcIP> = VPC_IP;
  const subnets: Resource<VpcSubnet> = VPC_SUBNET;
  return {
    nodes: startReflector(world, { resource: nodes, transform: slimNode }),
    pods: startReflector<Pod, PodOnNode, "node">(world, {
      resource: pods,
      transform: podOnNode,
      indexes: { node: (pod) => (pod.needsAddress && pod.node !== undefined ? [pod.node] : []) },
    }),
    configs: startReflector(world, { resource: configs, transform: whole }),
    enis: startReflector<VpcENI, VpcENI, "node">(world, {
      resource: enis,
      transform: whole,
      indexes: { node: (veni) => [veni.spec.node] },
    }),
    addresses: startReflector<VpcIP, VpcIP, "node">(world, {
      resource: addresses,
      transform: whole,
      indexes: { node: (vip) => [vip.spec.node] },
    }),
    subnets: startReflector(world, { resource: subnets, transform: whole }),
  };
}

/** A Node without its images and the like: nine tenths of it. */
function slimNode(node: Node): Node {
  const { name, uid, resourceVersion, creationTimestamp, labels = {}, annotations = {} } = node.metadata;
  const { addresses = [] } = node.status ?? {};
  return {
    metadata: { name, uid, resourceVersion, creationTimestamp, labels, annotations },
    spec: node.spec.providerID === undefined ? {} : { providerID: node.spec.providerID },
    status: { addresses },
  };
}

interface LeadershipOptions {
  kube: KubeClient;
  elector: LeaderElector;
  watches: Watches;
  settings: NodeSettings;
  cloudTimeoutMs: number;
}

/** What only the leader does, from when it leads until it stops. */
class Leadership {
  readonly #world: NodeWorld;
  readonly #watches: Watches;
  readonly #reader: CloudReader;
  readonly #queue: WorkQueue;
  readonly #present: PresentNodes;
  readonly #departing: DepartingNodes;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #timers: Timer[] = [];
  readonly #clock: WaitingClock;
  readonly #stopping = new AbortController();
  #starting: Promise<void> | undefined;

  constructor(world: IpamdWorld, options: LeadershipOptions) {
    const { kube, watches, settings } = options;
    const { clock, logger } = world;
    const cloud = fencedVpc(world.cloud, options.elector, options.cloudTimeoutMs);
    const objects = new ClusterObjects(kube, watches);
    const view = new CloudView();
    this.#watches = watches;
    this.#clock = clock;
    this.#world = {
      cloud,
      view,
      objects,
      subnets: new SubnetBook({ cloud, objects, clock, ids: settings.subnetIds }),
      instances: new InstanceBook(cloud, settings.vpcId),
      clock,
      logger,
      settings,
      nodes: watches.nodes.store,
      findNode: (name) => kube.find(nodes, name),
      demandOf: (node) => watches.pods.store.index("node", node).length,
      nonce: world.nonce,
    };
    const creations = new CreationBook(this.#world);
    this.#present = new PresentNodes(this.#world, creations);
    this.#departing = new DepartingNodes(this.#world, creations);
    this.#queue = new WorkQueue({
      work: (node) => this.#look(node),
      failed: (node, error, backOffMs) =>
        logger.warn({ node, err: error, backOffMs }, "work on a node failed"),
      concurrency: CONCURRENCY,
      minBackOffMs: 1000,
      maxBackOffMs: 60_000,
      random: world.random,
    });
    this.#reader = new CloudReader({
      cloud,
      view,
      clock,
      logger,
      tag: { key: ENI_TAGS.clusterId, value: settings.cluster.id },
      isOurs: (eni) => !eni.primary && tagOf(eni, ENI_TAGS.clusterUid) === settings.cluster.uid,
      changed: (ids) => this.#enisChanged(ids),
      pollMs: READ_UNSETTLED_MS,
      fullMs: READ_ALL_MS,
    });
  }

  start(): void {
    this.#starting = this.#start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting;
    for (const timer of this.#timers) clearInterval(timer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([this.#queue.stop(), this.#reader.stop()]);
  }

  /** Begins to work on nodes once the cloud has told everything: nothing is decided on what is not known. */
  async #start(): Promise<void> {
    const { subnets, settings, logger } = this.#world;
    const { signal } = this.#stopping;
    for (let pauseMs = FIRST_READING_AGAIN_MS.least; !(await this.#readFirst()); ) {
      await this.#clock.sleep(pauseMs, signal);
      if (signal.aborted) return;
      pauseMs = Math.min(pauseMs * 2, FIRST_READING_AGAIN_MS.most);
    }
    if (signal.aborted) return;
    logger.info({ subnets: settings.subnetIds, vpc: settings.vpcId }, "leading: every node is looked at");
    this.#reader.start();
    this.#followWatches();
    this.#lookAtAll();
    this.#timers.push(setInterval(() => this.#lookAtAll(), LOOK_AT_ALL_MS));
    this.#timers.push(setInterval(() => void this.#refreshSubnets(), READ_SUBNETS_MS));
    this.#timers.push(
      setInterval(() => subnets.hasChanged() && void this.#refreshSubnets(), READ_CHANGED_SUBNETS_MS),
    );
  }

  /** @returns whether the cloud and the API server have answered */
  async #readFirst(): Promise<boolean> {
    const { subnets, logger } = this.#world;
    try {
      const unknown = await subnets.refresh();
      if (unknown.length > 0) {
        logger.error(
          { subnets: unknown },
          "the cloud knows no such subnets: correct TKE_ENI_IPAMD_SUBNET_ID",
        );
      }
      await this.#reader.readAll();
      return true;
    } catch (error) {
      logger.error({ err: error }, "the first reading of subnets and ENIs failed; it is tried again");
      return false;
    }
  }

  async #look(name: string): Promise<WorkResult> {
    const node = this.#watches.nodes.store.get(name);
    if (node === undefined) {
      this.#present.departed(name);
      return this.#departing.look(name);
    }
    const replaced = await this.#departing.lookAtReplaced(node);
    const present = await this.#present.look(node);
    return sooner(replaced, present);
  }

  #followWatches(): void {
    const { objects } = this.#world;
    this.#unsubscribe.push(
      this.#watches.nodes.subscribe((event) => {
        if (event.type !== "synced") this.#queue.trigger(event.object.metadata.name);
      }),
      this.#watches.pods.subscribe((event) => {
        if (event.type === "synced") return;
        if (event.object.node !== undefined) this.#queue.trigger(event.object.node);
      }),
      this.#watches.configs.subscribe((event) => {
        if (event.type === "synced") return;
        if (event.type === "deleted") objects.configs.sawDeletion(event.object);
        this.#queue.trigger(event.object.metadata.name);
      }),
      this.#watches.enis.subscribe((event) => {
        if (event.type === "synced") return;
        if (event.type === "deleted") objects.enis.sawDeletion(event.object);
        this.#queue.trigger(event.object.spec.node);
      }),
      this.#watches.addresses.subscribe((event) => {
        if (event.type === "synced") return;
        if (event.type === "deleted") objects.addresses.sawDeletion(event.object);
        this.#queue.trigger(event.object.spec.node);
      }),
      this.#watches.subnets.subscribe((event) => {
        if (event.type === "deleted") objects.subnets.sawDeletion(event.object);
      }),
    );
  }

  #enisChanged(ids: readonly string[]): void {
    for (const id of ids) {
      const eni = this.#world.view.get(id);
      const node = this.#world.objects.enis.get(id)?.spec.node ?? (eni && tagOf(eni, ENI_TAGS.node));
      if (node) this.#queue.trigger(node);
    }
  }

  #lookAtAll(): void {
    const { objects, view, nodes: known } = this.#world;
    const names = new Set([
      ...known.list().map((node) => node.metadata.name),
      ...objects.configs.list().map((config) => config.metadata.name),
      ...objects.enis.list().map((veni) => veni.spec.node),
      ...objects.addresses.list().map((vip) => vip.spec.node),
      ...view
        .list()
        .map((eni) => tagOf(eni, ENI_TAGS.node))
        .filter((name) => name !== ""),
    ]);
    for (const name of names) this.#queue.trigger(name);
  }

  async #refreshSubnets(): Promise<void> {
    try {
      await this.#world.subnets.refresh();
    } catch (error) {
      this.#world.logger.warn({ err: error }, "reading the subnets failed; the next reading comes by itself");
    }
  }
}

function sooner(a: WorkResult, b: WorkResult): WorkResult {
  const againInMs = Math.min(
    a.againInMs ?? Number.POSITIVE_INFINITY,
    b.againInMs ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(againInMs) ? { againInMs } : {};
}
