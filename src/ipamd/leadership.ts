import { ENI_TAGS } from "../api/eni-tags.ts";
import type { NodeENIConfig } from "../api/node-eni-config.ts";
import { budgetedReads } from "../cloud/budget/budgeted-reads.ts";
import { CallBudget } from "../cloud/budget/call-budget.ts";
import type { CloudHealth } from "../cloud/budget/health.ts";
import { CloudError } from "../cloud/cloud-error.ts";
import type { Eni } from "../cloud/cloud-vpc.ts";
import { nodeReference, nodes } from "../kube/core-resources.ts";
import { createEventRecorder, type EventRecorder } from "../kube/events.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { LeaderElector } from "../kube/lease.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import { PeriodicAudit } from "./audit/periodic-audit.ts";
import { claimKey } from "./claims/claim-book.ts";
import { ClaimWork } from "./claims/claim-work.ts";
import { LeftClaims } from "./claims/left-claims.ts";
import { CloudReader } from "./cloud-view/cloud-reader.ts";
import { CloudView } from "./cloud-view/cloud-view.ts";
import { CONFIGURATION_REFERENCE, Configuration } from "./configuration/configuration.ts";
import { countBy } from "./count-by.ts";
import { CredentialWatch } from "./credential-watch.ts";
import { fencedClient } from "./fenced-client.ts";
import { fencedVpc } from "./fenced-vpc.ts";
import type { IpamdSettings, IpamdWorld } from "./ipamd.ts";
import type { LeaderFigures } from "./metrics.ts";
import { CreationBook } from "./node/creation-book.ts";
import { DepartingNodes } from "./node/departing-nodes.ts";
import { InstanceBook } from "./node/instance-book.ts";
import { type ClusterIdentity, type NodeWorld, tagOf } from "./node/node-world.ts";
import { PresentNodes } from "./node/present-nodes.ts";
import { RunCalls } from "./node/run-calls.ts";
import { ClusterObjects } from "./objects/cluster-objects.ts";
import { follow } from "./objects/follow.ts";
import { TokenBook } from "./objects/token-book.ts";
import { NodeSignals } from "./signals/node-signals.ts";
import { Notices } from "./signals/notices.ts";
import { SettingNotices } from "./signals/setting-notices.ts";
import { SubnetBook } from "./subnets/subnet-book.ts";
import { SubnetUpkeep } from "./subnets/subnet-upkeep.ts";
import { WaitingPlacement } from "./waiting/waiting-placement.ts";
import type { ClaimReflector, Watches } from "./watches.ts";
import { WorkQueue, type WorkResult } from "./work-queue.ts";

/** Pauses, in milliseconds. */
const READ_UNSETTLED_MS = 60;
const READ_UNSETTLED_PRESSED_MS = 400;
/** An absence is proven 10 s after the reading that finds it: with this, within 45 s of the change itself. */
const READ_ALL_MS = 30_000;
const READ_SUBNETS_MS = 60_000;
const LOOK_AT_SUBNETS_MS = 3000;
/** Where the scheduler's extender goes by what is left in the subnets, and wakes pods when there is more. */
const PROMPT = { lookAtSubnetsMs: 500, fullAgainMs: 2000 };
const LOOK_AT_ALL_MS = 30_000;
const AUDIT_MS = 60_000;
const NEW_CREDENTIAL_MS = 1000;
const FIRST_READING_AGAIN_MS = { least: 1000, most: 30_000 };
/** Nodes worked on at a time: their calls are paced by the budget, so this only bounds what waits for the API server. */
const CONCURRENCY = 64;

export interface LeadershipOptions {
  kube: KubeClient;
  elector: LeaderElector;
  watches: Watches;
  claims: ClaimReflector;
  settings: IpamdSettings;
  cluster: ClusterIdentity;
  /** What makes it impossible to go on. */
  failed: (error: Error) => void;
}

/** What only the leader does, from when it leads until it stops. */
export class Leadership {
  readonly #world: NodeWorld;
  readonly #options: LeadershipOptions;
  readonly #watches: Watches;
  readonly #budget: CallBudget;
  readonly #configuration: Configuration;
  readonly #recorder: EventRecorder;
  readonly #reader: CloudReader;
  readonly #queue: WorkQueue;
  readonly #present: PresentNodes;
  readonly #departing: DepartingNodes;
  readonly #placement: WaitingPlacement;
  readonly #audit: PeriodicAudit;
  /** Where pods have addresses of their own. */
  readonly #claims: ClaimWork | undefined;
  /** Where they have none. */
  readonly #leftClaims: LeftClaims | undefined;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #clock: WaitingClock;
  readonly #credential: CredentialWatch;
  readonly #subnets: SubnetUpkeep;
  readonly #stopping = new AbortController();
  #starting: Promise<void> | undefined;

  constructor(world: IpamdWorld, options: LeadershipOptions) {
    const { kube, watches, settings, cluster } = options;
    const { clock, logger, random } = world;
    this.#options = options;
    this.#watches = watches;
    this.#clock = clock;
    this.#budget = new CallBudget({ clock, random, logger });
    this.#credential = new CredentialWatch(this.#budget, world.credentialFingerprint);
    this.#recorder = createEventRecorder(
      { client: kube, clock, random, logger },
      { component: "tke-eni-ipamd", instance: settings.identity },
    );
    const notices = new Notices(this.#recorder);
    const settingNotices = new SettingNotices(notices);
    this.#configuration = new Configuration({
      fallback: { vpcId: settings.vpcId, subnetIds: settings.subnetIds },
      published: () =>
        watches.subnets.store
          .list()
          .filter(({ status }) => status?.state === "Active")
          .map(({ metadata }) => metadata.name),
      problems: (problems) => {
        for (const { key, value, message } of problems) logger.warn({ key, value }, message);
        settingNotices.show(CONFIGURATION_REFERENCE, problems);
      },
    });
    const cloud = budgetedReads(world.cloud, this.#budget);
    const fenced = fencedClient(kube, () => options.elector.isLeader());
    const objects = new ClusterObjects(fenced, watches);
    const view = new CloudView();
    const tokens = new TokenBook(world.nonce);
    if (settings.claims === undefined) {
      this.#leftClaims = new LeftClaims({ kube: fenced, clock, random, logger }, options.claims);
    } else {
      this.#claims = new ClaimWork(
        { kube: fenced, objects, tokens, notices, clock, random, logger },
        {
          claims: options.claims,
          pods: watches.pods,
          options: settings.claims,
          concurrency: CONCURRENCY,
          lookAtNode: (node) => this.#queue.trigger(node),
        },
      );
    }
    const claims = this.#claims?.world;
    this.#placement = new WaitingPlacement({
      pods: watches.pods,
      nodes: watches.nodes,
      clock,
      changed: (names) => this.#trigger(names),
    });
    this.#world = {
      cloud,
      acts: fencedVpc(world.cloud, options.elector, settings.cloudTimeoutMs),
      budget: this.#budget,
      view,
      objects,
      configuration: this.#configuration,
      subnets: new SubnetBook({
        cloud,
        objects,
        clock,
        configured: () => this.#configuration.subnetIds,
        health: () => this.#budget.health(),
        ...(claims && { fullAgainMs: PROMPT.fullAgainMs }),
      }),
      instances: new InstanceBook({
        cloud,
        clock,
        vpcId: () => this.#configuration.vpcId,
        quotaChanged: (change) => {
          logger.info({ ...change }, "the cloud has changed the quota of an instance type");
          this.#lookAtAll();
        },
      }),
      tokens,
      notices,
      clock,
      logger,
      options: { ...settings, cluster },
      nodes: watches.nodes.store,
      findNode: (name) => kube.find(nodes, name),
      demandOf: (node) => watches.pods.store.index("node", node).length,
      waitingFor: (node) => (claims === undefined ? this.#placement.countOf(node) : 0),
      claims,
      capacityKnown: (node, addresses) => this.#placement.setCapacity(node, addresses),
      stopwatch: world.stopwatch,
      nonce: world.nonce,
    };
    this.#subnets = new SubnetUpkeep({
      subnets: this.#world.subnets,
      notices,
      logger,
      emptied: () => this.#lookAtAll(),
    });
    const creations = new CreationBook(this.#world, () => this.#reader.readAll());
    const signals = new NodeSignals({
      kube: fenced,
      notices,
      now: () => clock.now(),
      taint: settings.nodeTaint,
      condition: settings.nodeCondition,
    });
    this.#present = new PresentNodes(this.#world, { creations, signals });
    this.#departing = new DepartingNodes(this.#world, creations);
    this.#queue = new WorkQueue({
      work: (node) => this.#look(node),
      failed: (node, error, backOffMs) =>
        logger.warn({ node, err: error, backOffMs }, "work on a node failed"),
      concurrency: CONCURRENCY,
      minBackOffMs: 1000,
      maxBackOffMs: 60_000,
      random,
      clock,
    });
    this.#reader = new CloudReader({
      cloud,
      view,
      clock,
      logger,
      tag: { key: ENI_TAGS.clusterId, value: cluster.id },
      isOurs: (eni) => !eni.primary && tagOf(eni, ENI_TAGS.clusterUid) === cluster.uid,
      changed: (ids) => this.#enisChanged(ids),
      foreign: (enis) => this.#refuseForeign(enis),
      pollMs: READ_UNSETTLED_MS,
      pressedPollMs: READ_UNSETTLED_PRESSED_MS,
      isPressed: () => this.#budget.isPressed(),
      isUrgent: (id) => {
        const node = objects.enis.get(id)?.spec.node;
        return node === undefined || !this.#present.isContent(node);
      },
      fullMs: READ_ALL_MS,
    });
    this.#audit = new PeriodicAudit({
      objects,
      claims: () => claims?.book.list() ?? [],
      cloud: () => this.#reader.lastAnswer,
      nodes: watches.nodes.store,
      configuredSubnets: () => this.#configuration.subnetIds,
      cluster,
      clock,
      logger,
      recorder: this.#recorder,
    });
  }

  /** How the way to the cloud is. */
  cloudHealth(): CloudHealth {
    return this.#budget.health();
  }

  /** What is counted now. */
  figures(): LeaderFigures {
    const { objects } = this.#world;
    const reasonOf = ({ status }: NodeENIConfig) =>
      status?.conditions?.find(({ type }) => type === "Ready")?.reason ?? "Unknown";
    return {
      calls: this.#budget.metrics(),
      health: this.#budget.health().state,
      nodes: countBy(objects.configs.list(), reasonOf),
      addresses: countBy(objects.addresses.list(), ({ status }) => status?.use?.state ?? "Unknown"),
      free: new Map(objects.subnets.list().map(({ metadata, status }) => [metadata.name, status?.free ?? 0])),
      plans: this.#present.plans,
      findings: countBy(this.#audit.findings, ({ severity }) => severity),
      ...(this.#claims && { claims: this.#claims.figures() }),
    };
  }

  start(): void {
    this.#starting = this.#start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#budget.stop();
    this.#placement.stop();
    await this.#starting;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([
      this.#queue.stop(),
      this.#claims?.stop(),
      this.#leftClaims?.stop(),
      this.#reader.stop(),
      ...this.#loops,
    ]);
    await this.#recorder.stop();
  }

  /** Begins to work on nodes once the cloud has told everything: nothing is decided on what is not known. */
  async #start(): Promise<void> {
    const { logger } = this.#world;
    const { signal } = this.#stopping;
    this.#readConfiguration();
    this.#unsubscribe.push(
      this.#budget.onGranted((node) => this.#queue.trigger(node)),
      this.#budget.onHealth(() => void this.#subnets.publish()),
    );
    this.#repeat(NEW_CREDENTIAL_MS, () => this.#credential.look());
    for (let pauseMs = FIRST_READING_AGAIN_MS.least; !(await this.#readFirst()); ) {
      await this.#clock.sleep(pauseMs, signal);
      if (signal.aborted) return;
      pauseMs = Math.min(pauseMs * 2, FIRST_READING_AGAIN_MS.most);
    }
    if (signal.aborted) return;
    const { vpcId, subnetIds } = this.#configuration;
    logger.info({ subnets: subnetIds, vpc: vpcId }, "leading: every node is looked at");
    this.#reader.start();
    this.#followWatches();
    this.#placement.start();
    this.#lookAtAll();
    this.#claims?.start();
    this.#leftClaims?.start();
    this.#repeat(LOOK_AT_ALL_MS, () => {
      this.#lookAtAll();
      this.#claims?.lookAtAll();
    });
    this.#repeat(READ_SUBNETS_MS, () => this.#subnets.refresh());
    const lookMs = this.#claims === undefined ? LOOK_AT_SUBNETS_MS : PROMPT.lookAtSubnetsMs;
    this.#repeat(lookMs, () => this.#subnets.look());
    this.#repeat(AUDIT_MS, () => this.#audit.run());
  }

  #repeat(pauseMs: number, act: () => Promise<void> | void): void {
    const { signal } = this.#stopping;
    const loop = async () => {
      for (;;) {
        await this.#clock.sleep(pauseMs, signal);
        if (signal.aborted) return;
        try {
          await act();
        } catch (error) {
          this.#world.logger.error(
            { err: error },
            "a regular piece of work failed; the next time comes by itself",
          );
        }
      }
    };
    this.#loops.push(loop());
  }

  /** @returns whether the cloud and the API server have answered */
  async #readFirst(): Promise<boolean> {
    const { logger, objects } = this.#world;
    try {
      await objects.readConfigs();
      await this.#subnets.readFirst();
      await this.#reader.readAll();
      return true;
    } catch (error) {
      logger.error(
        { err: error },
        "the first reading of objects, subnets and ENIs failed; it is tried again",
      );
      if (error instanceof CloudError) await this.#tellNodes(error);
      return false;
    }
  }

  /** Nothing is done for any node before the first reading: each that is not served says why. */
  async #tellNodes(error: CloudError): Promise<void> {
    for (const node of this.#watches.nodes.store.list()) {
      try {
        await this.#present.refused(node, error);
      } catch (failure) {
        this.#world.logger.warn({ node: node.metadata.name, err: failure }, "writing its status failed");
      }
    }
  }

  /** Two clusters of one id would take each other's ENIs for their own. */
  #refuseForeign(enis: readonly Eni[]): void {
    const { cluster } = this.#world.options;
    const others = enis.filter((eni) => tagOf(eni, ENI_TAGS.clusterUid) !== cluster.uid);
    const [first] = others;
    if (first === undefined) return;
    // At once, and not when whoever is told comes to stop this: meanwhile a node could get an ENI.
    this.#stopping.abort();
    this.#budget.stop();
    const uid = tagOf(first, ENI_TAGS.clusterUid);
    this.#options.failed(
      new Error(
        `${others.length} ENIs, such as ${first.id}, belong to another cluster of the same id "${cluster.id}" (UID of kube-system ${uid || "not known"}, here ${cluster.uid}): give this one another --clusterid, or, if it is the same cluster made anew, run "tke-eni-ipamd adopt --from-uid ${uid}"`,
      ),
    );
  }

  async #look(name: string): Promise<WorkResult> {
    const calls = new RunCalls(this.#budget, name);
    try {
      const node = this.#watches.nodes.store.get(name);
      if (node === undefined) {
        this.#present.departed(name);
        this.#placement.forget(name);
        this.#world.notices.over("readiness", nodeReference(name));
        return await this.#departing.look(name, calls);
      }
      const replaced = await this.#departing.lookAtReplaced(node, calls);
      const present = await this.#present.look(node, calls);
      return sooner(replaced, present);
    } finally {
      calls.end();
    }
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
        this.#claims?.changed(claimKey(event.object));
      }),
      follow(this.#watches.configs, objects.configs, ({ metadata }) => this.#queue.trigger(metadata.name)),
      follow(this.#watches.enis, objects.enis, ({ spec }) => this.#queue.trigger(spec.node)),
      follow(this.#watches.addresses, objects.addresses, ({ spec, status }) => {
        this.#queue.trigger(spec.node);
        const key = spec.claim ?? status?.use?.pod;
        if (key !== undefined) this.#claims?.changed(key);
      }),
      follow(this.#watches.subnets, objects.subnets, () => {}),
      this.#watches.configuration.subscribe(() => {
        if (!this.#readConfiguration()) return;
        void this.#subnets.refresh().then(() => this.#lookAtAll());
      }),
    );
  }

  #readConfiguration(): boolean {
    const [configMap] = this.#watches.configuration.store.list();
    const changed = this.#configuration.read(configMap);
    if (changed) {
      const { vpcId, subnetIds } = this.#configuration;
      this.#world.logger.info({ vpc: vpcId, subnets: subnetIds }, "ConfigMap tke-eni-ipamd is in force");
    }
    return changed;
  }

  #enisChanged(ids: readonly string[]): void {
    for (const id of ids) {
      const eni = this.#world.view.get(id);
      const node = this.#world.objects.enis.get(id)?.spec.node ?? (eni && tagOf(eni, ENI_TAGS.node));
      if (node) this.#queue.trigger(node);
      this.#trigger(this.#claims?.world.book.takeAwaiting(id) ?? []);
    }
  }

  #trigger(names: Iterable<string>): void {
    for (const name of names) this.#queue.trigger(name);
  }

  #lookAtAll(): void {
    const { objects, view, nodes: known } = this.#world;
    this.#trigger(
      new Set([
        ...known.list().map((node) => node.metadata.name),
        ...objects.configs.list().map((config) => config.metadata.name),
        ...objects.enis.list().map((veni) => veni.spec.node),
        ...objects.addresses.list().map((vip) => vip.spec.node),
        ...view.taggedNodes(),
      ]),
    );
  }
}

function sooner(a: WorkResult, b: WorkResult): WorkResult {
  const againInMs = Math.min(
    a.againInMs ?? Number.POSITIVE_INFINITY,
    b.againInMs ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(againInMs) ? { againInMs } : {};
}
