import type { Condition } from "../api/condition.ts";
import { FailureReasonSchema } from "../gen/tke/eni/agent/v1/address_pb.ts";
import { createEventRecorder, type EventRecorder } from "../kube/events.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { Random } from "../time/back-off.ts";
import { startTimer } from "../time/timer.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import { type CollectorWorld, collectGoneSandboxes } from "./collect/collector.ts";
import type { Drift } from "./drift/drift.ts";
import { reportDrift } from "./drift/drift-reporter.ts";
import type { NodeNetwork } from "./links/node-network.ts";
import type { Logger } from "./logger.ts";
import { AgentMetrics } from "./metrics/agent-metrics.ts";
import { countPool } from "./metrics/count-pool.ts";
import { feedPool } from "./objects/feed-pool.ts";
import { judgeOrphans } from "./objects/judge-orphans.ts";
import { warnOfLostAddresses } from "./objects/lost-addresses.ts";
import { NodeEvents } from "./objects/node-events.ts";
import { followNode } from "./objects/node-facts.ts";
import {
  addressResource,
  configResource,
  eniResource,
  type NodeObjects,
  startNodeObjects,
} from "./objects/node-objects.ts";
import { PodEvents } from "./objects/pod-events.ts";
import { Publisher, type StatusToPublish } from "./objects/publisher.ts";
import { addressStatus, configStatus, eniUse } from "./objects/wanted-statuses.ts";
import { boundCount, isServed } from "./pool/bound-address.ts";
import { instantOf } from "./pool/instant.ts";
import { Pool, type PoolUpdate } from "./pool/pool.ts";
import { poolCounts } from "./pool/pool-counts.ts";
import { restorePool } from "./pool/restore-pool.ts";
import { slotTarget } from "./pool/slot-target.ts";
import type { HeldSlots } from "./pool/unasked.ts";
import { type RecoveryWorld, recover } from "./recovery/recover.ts";
import { Rush } from "./rush.ts";
import { failureOf } from "./server/failure-reason.ts";
import type { AgentMemory } from "./store/agent-store.ts";
import type { OpenedMemory } from "./store/open-store.ts";

/** What the core needs of the world: all of it can be a model. */
export interface AgentCoreWorld {
  readonly transport: KubeTransport;
  readonly kube: KubeClient;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
  /** Undefined where there is none to ask. */
  readonly runtime: RecoveryWorld["runtime"];
  readonly readKernel: RecoveryWorld["readKernel"];
  readonly veths: CollectorWorld["veths"];
  /** The process must end: memory and disk differ, or the store is gone. */
  readonly onFatal: (error: unknown) => void;
}

export interface AgentCoreOptions {
  readonly nodeName: string;
  readonly coolDownMs: number;
}

/** What the core needs of the node's links. */
export type CoreNetwork = Pick<
  NodeNetwork,
  "view" | "subscribe" | "setWanted" | "setInternalIp" | "readSoon"
>;

/** What offers the node's addresses to the kubelet; it answers with `AgentCore.slotsOffered`. */
export interface SlotPlugin {
  setTarget(count: number): void;
}

/** What the agent is doing: waiting for its predecessor to go, finding out who holds what, or serving. */
export type AgentPhase = "standby" | "recovering" | "serving";

/** Changes of the pool within this time are looked at once for what the kubelet is to be offered. */
const LOOK_AFTER_MS = 20;
const STORE_LOST =
  "the agent's memory of who holds which address was lost or damaged: it was made anew from the kernel, the container runtime and the API server; the agent's log says what was found, and find out who on this node changes the agent's state folder";
/** How long fewer addresses must be there before the kubelet is offered fewer. */
const LOWER_AFTER_MS = 3_000;

/**
 * The agent without its edges: what it remembers, decides, watches and publishes. Sockets, kernel, kubelet and container runtime
 * are its owner's, so that it also runs where there are none.
 */
export class AgentCore {
  readonly #world: AgentCoreWorld;
  readonly #options: AgentCoreOptions;
  readonly #stopping = new AbortController();
  /** What was started, to be ended in reverse. */
  readonly #started = new AsyncDisposableStack();
  #phase: AgentPhase = "standby";
  /** Slots that the kubelet may hand to pods. */
  #offered = 0;
  #heldSlots: HeldSlots | undefined;
  #store: AgentMemory | undefined;
  #pool: Pool | undefined;
  #network: CoreNetwork | undefined;
  #objects: NodeObjects | undefined;
  /** Whether pods are coming or going just now. */
  readonly rush: Rush;
  /** What pods are told of what became of their addresses. */
  readonly podEvents: PodEvents;
  /** Tells people what happened to objects. */
  readonly recorder: EventRecorder;
  readonly metrics = new AgentMetrics();
  readonly #nodeEvents: NodeEvents;

  constructor(world: AgentCoreWorld, options: AgentCoreOptions) {
    this.#world = world;
    this.#options = options;
    this.rush = new Rush(world.clock);
    this.recorder = createEventRecorder(
      { ...world, client: world.kube },
      { component: "tke-eni-agent", instance: options.nodeName },
    );
    this.podEvents = new PodEvents(this.recorder);
    this.#nodeEvents = new NodeEvents(this.recorder, options.nodeName);
    this.#started.defer(() => this.recorder.stop());
  }

  get phase(): AgentPhase {
    return this.#phase;
  }

  /** Slots that the kubelet may hand to pods. */
  get offered(): number {
    return this.#offered;
  }

  /** Undefined before `restore`. */
  get pool(): Pool | undefined {
    return this.#pool;
  }

  /** What ipamd says of this node. */
  readyCondition(): Condition | undefined {
    return this.#objects?.readyCondition();
  }

  /** The kubelet may hand this many slots to pods from now on. */
  slotsOffered(count: number): void {
    this.#store?.setMeta("announced-slots", String(count));
    this.#offered = count;
    this.#pool?.take({ type: "slots-offered", count });
  }

  /** So many slots each pod holds, by its `namespace/name`, as the kubelet said when it was asked at `readAt` (wall clock). */
  slotsHeld(byPod: ReadonlyMap<string, number>, readAt: number): void {
    this.#heldSlots = { byPod, readAt };
    this.#pool?.take({ type: "slots-held", held: this.#heldSlots });
  }

  /** Counts, logs and tells what was found to differ. */
  report(found: readonly Drift[]): void {
    const { metrics, podEvents } = this;
    reportDrift(
      {
        logger: this.#world.logger,
        count: (kind, outcome) => metrics.drifted(kind, outcome),
        tellNode: ({ reason, message }) => this.#nodeEvents.warn(reason, message),
        tellPod: (pod, { reason, message }) => podEvents.warn(pod, reason, message),
      },
      found,
    );
  }

  /** Finds out who holds what where the store cannot tell. @returns false when it was stopped before */
  async remember(opened: OpenedMemory): Promise<boolean> {
    this.metrics.storeOpened(opened.trust);
    if (opened.trust === "intact") return true;
    this.#phase = "recovering";
    const { nodeName } = this.#options;
    const held = await recover(this.#world, { opened, node: nodeName, signal: this.#stopping.signal });
    // A new node has nothing to lose, and after a boot nothing was.
    if (opened.trust === "unknown" && held !== undefined && held > 0) {
      this.report([{ kind: "store", outcome: "repaired", message: STORE_LOST }]);
    }
    return held !== undefined;
  }

  /** Makes the pool that the store describes; closed until `serve`. */
  restore(store: AgentMemory): Pool {
    const { clock, onFatal } = this.#world;
    const { coolDownMs } = this.#options;
    const stored = { addresses: store.addresses(), promises: store.promisedEnis() };
    const instanceId = store.meta("instance-id");
    const state = restorePool(stored, { coolDownMs, instanceId, now: instantOf(clock) });
    const pool = new Pool(state, { clock, store, onFatal });
    this.#pool = pool;
    pool.subscribe((update) => this.#tellOfPool(update));
    pool.subscribe(({ effects }) => {
      if (effects.some(({ type }) => type === "answer" || type === "released")) this.rush.note();
    });
    const whyNot = () => {
      const { reason } = failureOf(this.readyCondition(), poolCounts(pool.state));
      return FailureReasonSchema.value[reason]?.localName ?? "UNSPECIFIED";
    };
    this.#started.defer(countPool(pool, { clock, metrics: this.metrics, whyNot }));
    return pool;
  }

  /**
   * Opens the pool, and begins to watch, to publish and to collect.
   *
   * @param options.plugin undefined where the kubelet is offered nothing
   * @throws when `restore` was not called
   */
  serve(
    network: CoreNetwork,
    { store, plugin }: { store: AgentMemory; plugin?: SlotPlugin | undefined },
  ): void {
    const pool = this.#pool;
    if (pool === undefined) throw new Error("there is no pool to serve from: it is restored first");
    this.#network = network;
    this.#store = store;
    store.setMeta("announced-slots", String(this.#offered));
    pool.take({ type: "slots-offered", count: this.#offered });
    // Told before there was a pool, perhaps: without it, a restart would offer for a moment what pods hold that did not ask.
    if (this.#heldSlots !== undefined) pool.take({ type: "slots-held", held: this.#heldSlots });
    pool.take({ type: "opened" });
    this.#phase = "serving";
    this.#world.logger.info({ addresses: pool.state.addresses.size }, "serving");

    const { signal } = this.#stopping;
    const judging = judgeOrphans(this.#world, { pool, node: this.#options.nodeName, signal });
    this.#started.defer(() => judging);
    const events: Pick<PodEvents, "addressLost"> = {
      addressLost: (holder, lost) => {
        this.metrics.drifted("address-lost", "quarantined");
        this.podEvents.addressLost(holder, lost);
      },
    };
    this.#started.defer(warnOfLostAddresses({ clock: this.#world.clock, events }, pool));
    this.#followObjects(pool, network, { store, hasPlugin: plugin !== undefined });
    if (plugin !== undefined) this.#followSlots(pool, plugin);
    this.#collect(pool);
  }

  /** Sends callers away that wait, and ends what `serve` began. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#store = undefined;
    this.#pool?.close();
    await this.#started.disposeAsync();
  }

  #followObjects(
    pool: Pool,
    network: CoreNetwork,
    { store, hasPlugin }: { store: AgentMemory; hasPlugin: boolean },
  ): void {
    const { kube, clock, logger } = this.#world;
    const { nodeName } = this.#options;
    const objects = startNodeObjects(this.#world, nodeName);
    this.#objects = objects;
    this.#started.defer(() => objects.stop());

    const publisher = new Publisher({ ...this.#world, rush: this.rush }, () =>
      this.#statuses(pool, network, { objects, hasPlugin }),
    );
    this.#started.defer(() => publisher.stop());
    const publish = () => publisher.request();
    pool.subscribe(publish);
    network.subscribe(publish);
    for (const [reflector, { plural }] of [
      [objects.addresses, addressResource],
      [objects.enis, eniResource],
      [objects.configs, configResource],
    ] as const) {
      reflector.subscribe(({ type }) => (type === "synced" ? publisher.sawList(plural) : publish()));
    }

    objects.addresses.subscribe((event) => {
      if (event.type !== "added" || isServed(event.object.object)) return;
      const { name, object } = event.object;
      logger.warn(
        { vip: name, address: object.address },
        "an IPv6 address is given to no pod, since this version serves IPv4 only: its VpcIP says what to do",
      );
    });
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

  #statuses(
    pool: Pool,
    network: CoreNetwork,
    { objects, hasPlugin }: { objects: NodeObjects; hasPlugin: boolean },
  ): StatusToPublish[] {
    const { state } = pool;
    const { view } = network;
    const now = this.#world.clock.now();
    const addresses = objects.addresses.store.list().flatMap((seen): StatusToPublish[] => {
      const wanted = addressStatus(seen, { pool: state, now });
      if (wanted === undefined) return [];
      const observed = { use: seen.use, ...(wanted.conditions && { conditions: seen.conditions }) };
      return [{ resource: addressResource, seen, wanted, observed }];
    });
    const enis = objects.enis.store.list().flatMap((seen): StatusToPublish[] => {
      const use = eniUse(seen, { pool: state, view, now });
      return use === undefined
        ? []
        : [{ resource: eniResource, seen, wanted: { use }, observed: { use: seen.use } }];
    });
    const configs = objects.configs.store.list().map((seen): StatusToPublish => {
      const allocatable = hasPlugin ? this.#offered : boundCount(state);
      const wanted = configStatus(seen, { pool: state, view, allocatable, now });
      const conditions = seen.conditions.filter(({ type }) => type === "LinksReady");
      return { resource: configResource, seen, wanted, observed: { use: seen.use, conditions } };
    });
    return [...addresses, ...enis, ...configs];
  }

  /**
   * Lets the kubelet's slots follow the pool: up soon; down only when the lower number stays, since a link that flaps, or a
   * start whose first view is not complete, must not take away what pods are being sent for.
   */
  #followSlots(pool: Pool, plugin: SlotPlugin): void {
    const { clock } = this.#world;
    let target = this.#offered;
    let cancelLook: (() => void) | undefined;
    let cancelLowering: (() => void) | undefined;
    const set = () => {
      target = slotTarget(pool.state);
      plugin.setTarget(target);
    };
    const look = () => {
      const wanted = slotTarget(pool.state);
      if (wanted >= target) {
        cancelLowering?.();
        cancelLowering = undefined;
        if (wanted > target) set();
        return;
      }
      cancelLowering ??= startTimer(clock, LOWER_AFTER_MS, () => {
        cancelLowering = undefined;
        if (this.#objects?.hasSynced()) set();
        else look();
      });
    };
    // It goes through all addresses, and the pod that has just been served need not wait for that.
    const lookSoon = () => {
      cancelLook ??= startTimer(clock, LOOK_AFTER_MS, () => {
        cancelLook = undefined;
        look();
      });
    };
    this.#started.defer(() => cancelLowering?.());
    this.#started.defer(() => cancelLook?.());
    this.#started.defer(pool.subscribe(lookSoon));
    look();
  }

  #collect(pool: Pool): void {
    const { runtime, veths, clock, random, logger } = this.#world;
    if (runtime === undefined) return;
    const collected = (by: "event" | "list") => this.metrics.collected(by);
    const collecting = collectGoneSandboxes(
      { pool, runtime, veths, clock, random, logger, collected },
      this.#stopping.signal,
    );
    this.#started.defer(() => collecting);
  }

  #tellOfPool({ effects, after }: PoolUpdate): void {
    const { logger } = this.#world;
    for (const effect of effects) {
      switch (effect.type) {
        case "released":
          logger.info({ address: effect.address }, "an address was given back");
          this.#network?.readSoon();
          break;
        case "answer":
          for (const { address, holding } of effect.addresses) {
            if (holding.kind !== "in-use") continue;
            const { containerId, podNamespace, podName } = holding.attachment;
            logger.info({ address, containerId, pod: `${podNamespace}/${podName}` }, "gave an address");
          }
          break;
        case "orphaned":
          logger.warn(
            { address: effect.address, containerId: effect.attachment.containerId },
            "the VpcIP of an address that a pod holds has gone: the pod keeps it, nobody gets it again",
          );
          break;
        case "taken-away":
        case "came-back":
          this.#network?.readSoon();
          break;
        case "adopted":
          this.report([
            {
              kind: "unknown-holder",
              outcome: "repaired",
              pod: effect.attachment,
              message: `a pod's link holds ${effect.address}, which the agent's memory had for free: its pod keeps it; has an old store been put back?`,
            },
          ]);
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
