import type { NodeENIConfig, NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { NodeSettings } from "../configuration/node-settings.ts";
import { drainExcess } from "../planner/drain-excess.ts";
import { attachNext, roomOf } from "../planner/grow.ts";
import { type Action, boundCount, type NodeView } from "../planner/node-view.ts";
import { planNode } from "../planner/plan-node.ts";
import { RELEASE_INTERVAL_MS, type ShrinkMemory } from "../planner/shrink.ts";
import type { NodeSignals } from "../signals/node-signals.ts";
import type { WorkResult } from "../work-queue.ts";
import { buildNodeView } from "./build-node-view.ts";
import { ClaimsOfNodes } from "./claims-of-nodes.ts";
import type { CreationBook } from "./creation-book.ts";
import { type ActionContext, executeAction } from "./execute-action.ts";
import {
  type NodeState,
  nodeStatus,
  publishedQuota,
  readinessCondition,
  withReadiness,
} from "./node-status.ts";
import type { NodeWorld } from "./node-world.ts";
import {
  isServed,
  type Readiness,
  readinessOf,
  refusedReadiness,
  shortageReadiness,
  usableCount,
} from "./ready-condition.ts";
import { Refusals } from "./refusals.ts";
import { releaseEni } from "./release-eni.ts";
import type { RunCalls } from "./run-calls.ts";
import { SettingsBook } from "./settings-book.ts";
import { hasUnadopted, keepRefusedEni, syncObjects } from "./sync-objects.ts";

/** Pause before the cloud is asked again who a Node is, or whether its instance runs. */
const IDENTIFY_AGAIN_MS = 15_000;

/** Pause before a machine is looked at again whose ENIs are still those of its former name. */
const FORMER_NAME_MS = 1000;

/** Pause before an address is looked at again whose former object is about to go. */
const UNNAMED_AGAIN_MS = 1000;
/** An ENI that turned up in the middle of a look is adopted by the next one. */
const ADOPT_AGAIN_MS = 100;

/** Everything known about a node in one run. */
interface Run {
  node: Node;
  name: string;
  config: NodeENIConfig;
  instance: Instance;
  quota: InterfaceLimit;
  settings: NodeSettings;
  calls: RunCalls;
  /** Addresses of claims elsewhere that nobody uses there any more. */
  movable: ReadonlySet<string>;
}

/** What is published of a node. */
type Published = Pick<NodeState, "view" | "creating" | "readiness">;

/** Keeps the ENIs and addresses of nodes that are there as they should be. */
export class PresentNodes {
  readonly #world: NodeWorld;
  readonly #signals: NodeSignals;
  readonly #shrink = new Map<string, ShrinkMemory>();
  readonly #settings: SettingsBook;
  /** Nodes on which no pod waits for an address. */
  readonly #content = new Set<string>();
  #plans = { count: 0, ms: 0 };
  readonly #creations: CreationBook;
  readonly #refusals: Refusals;
  readonly #claims: ClaimsOfNodes;

  constructor(world: NodeWorld, parts: { creations: CreationBook; signals: NodeSignals }) {
    this.#world = world;
    this.#creations = parts.creations;
    this.#signals = parts.signals;
    this.#refusals = new Refusals(world);
    this.#claims = new ClaimsOfNodes(world);
    this.#settings = new SettingsBook(world.notices, { warm: world.options.warm });
  }

  /** How many plans were made, and the time that it took. */
  get plans(): { readonly count: number; readonly ms: number } {
    return this.#plans;
  }

  /** Whether the node serves, and no pod waits for an address there: what is done for it has time. */
  isContent(node: string): boolean {
    return this.#content.has(node);
  }

  /** Forgets a node that is gone. */
  departed(node: string): void {
    this.#shrink.delete(node);
    this.#content.delete(node);
    this.#refusals.over(node);
    this.#settings.forget(node);
    this.#claims.departed(node);
  }

  /** One look at a node: objects in line with the cloud, then whatever the plan says. */
  async look(node: Node, calls: RunCalls): Promise<WorkResult> {
    const { objects, instances, configuration } = this.#world;
    const { name } = node.metadata;
    const config = await objects.ensureConfig(name);
    try {
      const { instance, problem } = await instances.identify(node);
      if (instance === undefined || instance.state === "terminated") {
        return await this.#lookAtNoInstance(node, { config, calls, problem });
      }
      if (this.#hadAnotherName(name, instance)) return { againInMs: FORMER_NAME_MS };
      const quota = await instances.limit(instance, publishedQuota(config, instance));
      const addresses = objects.addressesOf(name).filter((vip) => vip.spec.instanceID === instance.id);
      const subnetIds = configuration.subnetIds;
      const settings = this.#settings.read({ node, config, quota, addresses, subnetIds });
      const movable = await this.#claims.prepareMoves(name, instance.id);
      return await this.#lookAtInstance({
        ...{ node, name, config, instance, quota, settings, calls },
        movable,
      });
    } catch (error) {
      if (error instanceof CloudError && !this.#refusals.isTold(error)) await this.refused(node, error);
      throw error;
    }
  }

  /** Whether the machine's ENIs are still those of a Node that is gone: they come to this one, and it needs no others. */
  #hadAnotherName(name: string, instance: Instance): boolean {
    const { objects, nodes } = this.#world;
    if (objects.enisOf(name).some(({ spec }) => spec.instanceID === instance.id)) return false;
    return objects.enis
      .list()
      .some(({ spec }) => spec.instanceID === instance.id && spec.node !== name && !nodes.get(spec.node));
  }

  /** Has a node that does not serve yet say why; what is known of one that does stays. */
  async refused(node: Node, error: CloudError): Promise<void> {
    const config = await this.#world.objects.ensureConfig(node.metadata.name);
    if (readinessCondition(config)?.status !== "True")
      await this.#publishProblem(node, refusedReadiness(error, undefined));
  }

  /** The Node is no instance, or not any more: what a former one had goes once that is proven. */
  async #lookAtNoInstance(
    node: Node,
    { config, calls, problem }: { config: NodeENIConfig; calls: RunCalls; problem: string | undefined },
  ): Promise<WorkResult> {
    const { objects, instances } = this.#world;
    const { name } = node.metadata;
    const former = config.status?.instanceID;
    await this.#publishProblem(node, {
      ready: false,
      reason: "NoInstance",
      message: problem ?? `instance ${former} is terminated: delete the Node`,
    });
    if (former === undefined || !(await instances.isDown(former)) || instances.downFor(former) !== "gone") {
      return { againInMs: IDENTIFY_AGAIN_MS };
    }
    const quota = config.status?.quota;
    const addressesPerEni = (quota?.addressesPerENI ?? 1) - 1;
    await syncObjects(this.#world, { node: name, instanceId: former, addressesPerEni });
    for (const veni of objects.enisOf(name).filter(({ spec }) => spec.instanceID === former)) {
      await objects.writeEni(veni.metadata.name, { ...veni.spec, intent: "Released" });
      await releaseEni(this.#world, veni, calls);
    }
    return { againInMs: IDENTIFY_AGAIN_MS };
  }

  /** Ends when both halves have ended, however one of them does: runs of one node never overlap. */
  async #lookAtInstance(run: Run): Promise<WorkResult> {
    const [attached, looked] = await Promise.allSettled([this.#attachNext(run), this.#lookBesides(run)]);
    if (attached.status === "rejected") {
      const refusal: unknown = attached.reason;
      // Not sooner: a status that is written beside the other half may lack the intent to make an ENI, which that has just written.
      if (refusal instanceof CloudError) {
        const view = this.#view(run, this.#creatingOf(run.name));
        await this.#publishRefusal(run, { view, refusal });
      }
      throw refusal;
    }
    if (looked.status === "rejected") throw looked.reason;
    return looked.value;
  }

  async #lookBesides(run: Run): Promise<WorkResult> {
    const { objects, clock, options, configuration, instances } = this.#world;
    const { name, instance } = run;
    await syncObjects(this.#world, {
      node: name,
      instanceId: instance.id,
      addressesPerEni: run.settings.maxAddressesPerEni,
      needs: this.#claims.of(name, run)?.needs ?? [],
    });
    for (const veni of objects.enisOf(name)) {
      if (veni.spec.instanceID === instance.id) await keepRefusedEni(this.#world, veni);
    }
    const creating = await this.#creations.settle(name);
    // A list has come meanwhile that lacks an object, or a reading that shows another ENI: it is adopted first, since it takes a place.
    if (hasUnadopted(this.#world, { node: name, instanceId: instance.id })) {
      return { againInMs: ADOPT_AGAIN_MS };
    }
    const view = this.#view(run, creating);
    this.#world.capacityKnown(name, run.settings.disabled ? 0 : boundCount(view) + roomOf(view));
    if (instances.downFor(instance.id) === "stopped") {
      await this.#publish(run, { view, creating, readiness: stopped(instance) });
      return { againInMs: IDENTIFY_AGAIN_MS };
    }

    const began = this.#world.stopwatch();
    const plan = planNode(view, this.#shrink.get(name) ?? {}, {
      quick: options.quickRelease,
      now: clock.monotonic(),
    });
    this.#plans = { count: this.#plans.count + 1, ms: this.#plans.ms + this.#world.stopwatch() - began };
    this.#shrink.set(name, plan.memory);
    const usable = usableCount(view);
    if (usable > 0 && view.demand + view.waiting <= usable) this.#content.add(name);
    else this.#content.delete(name);
    const where = { zone: instance.zone, subnets: configuration.subnetIds.join(", ") };
    const found =
      plan.shortage === undefined || run.settings.disabled
        ? readinessOf(view, { disabled: run.settings.disabled, room: roomOf(view) })
        : shortageReadiness(plan.shortage, { view, ...where });
    const isAtRest = plan.actions.length === 0 && !view.instanceBusy && view.enis.every((eni) => !eni.busy);
    if (isAtRest || plan.shortage !== undefined) this.#refusals.over(name);
    const refusal = this.#refusals.of(name);
    // Without it a node would lose its taint before each attempt, and get it again after.
    const readiness = refusal === undefined ? found : { ...refusal, ready: isServed(view) };
    await this.#publish(run, { view, creating, readiness });
    if (plan.shortages !== undefined) {
      this.#claims.tell(view, { ...where, shortages: plan.shortages });
    }

    await this.#execute(run, { actions: plan.actions, view, readiness });
    if (this.#hasUnnamedAddress(run) || this.#claims.awaitsProof(run.name))
      return { againInMs: UNNAMED_AGAIN_MS };
    if (creating !== undefined) return { againInMs: this.#creations.dueInMs(run.name) };
    return plan.memory.surplusSince === undefined ? {} : { againInMs: RELEASE_INTERVAL_MS / 4 };
  }

  /**
   * Attaches the next ENI that waits for it beside everything else: an instance takes one at a time, so that nothing else of a run is
   * worth keeping it waiting.
   */
  async #attachNext(run: Run): Promise<void> {
    const creating = this.#creatingOf(run.name);
    const view = this.#view(run, creating);
    if (this.#world.instances.downFor(run.instance.id) !== undefined) return;
    const actions = attachNext(view);
    for (const action of actions) {
      await executeAction(this.#world, action, {
        ...this.#contextOf(run, view),
        recordCreating: () => Promise.resolve(),
      });
    }
    this.#wereDone(run, actions);
  }

  #contextOf(run: Run, view: NodeView): Omit<ActionContext, "recordCreating"> {
    const { name, instance } = run;
    return {
      node: name,
      instance,
      addressesPerEni: run.settings.maxAddressesPerEni,
      securityGroupIds: run.config.spec.securityGroups ?? instance.securityGroupIds,
      calls: run.calls,
      urgency: view.demand + view.waiting > usableCount(view) ? "waiting-pod" : "warm-up",
    };
  }

  /**
   * Does all actions, one after the other: one that fails does not keep the others from being done.
   *
   * @throws the first failure
   */
  async #execute(
    run: Run,
    { actions, view, readiness }: { actions: readonly Action[]; view: NodeView; readiness: Readiness },
  ): Promise<void> {
    const { objects } = this.#world;
    const { name } = run;
    const failures: unknown[] = [];
    for (const action of actions) {
      try {
        await executeAction(this.#world, action, {
          ...this.#contextOf(run, view),
          recordCreating: (creating) =>
            objects.writeCreating(name, this.#statusOf(run, { view, creating, readiness })),
        });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return this.#wereDone(run, actions);
    const refusal = failures.find((error) => error instanceof CloudError);
    if (refusal !== undefined) await this.#publishRefusal(run, { view, refusal });
    throw failures[0];
  }

  /** What has to wait for its turn was not done. */
  #wereDone({ name, calls }: Run, actions: readonly Action[]): void {
    if (actions.length > 0 && !calls.hasPostponed()) this.#refusals.over(name);
  }

  async #publishRefusal(run: Run, { view, refusal }: { view: NodeView; refusal: CloudError }): Promise<void> {
    const readiness = await this.#refusals.take(refusal, { ...run, view });
    await this.#publish(run, { view, creating: this.#creatingOf(run.name), readiness });
  }

  /** Whether an ENI has an address whose object still stands for an earlier assignment elsewhere. */
  #hasUnnamedAddress(run: Run): boolean {
    const { objects, view } = this.#world;
    return objects.enisOf(run.name).some((veni) => {
      const id = veni.metadata.name;
      return view.get(id)?.addresses.some((a) => {
        const vip = objects.vipOf(a.address);
        return a.state === "available" && vip !== undefined && vip.spec.eniID !== id;
      });
    });
  }

  #view(run: Run, creating: NodeENIConfigStatus["creating"]): NodeView {
    const { objects, view, subnets, tokens } = this.#world;
    const { name, instance, quota, settings } = run;
    const claims = this.#claims.of(name, run);
    const mine = (o: { spec: { instanceID: string } }) => o.spec.instanceID === instance.id;
    const built = buildNodeView({
      demand: claims?.demand ?? this.#world.demandOf(name),
      waiting: this.#world.waitingFor(name),
      warm: settings.warm,
      claims,
      limit: {
        enis: settings.disabled ? 0 : settings.maxEnis,
        addressesPerEni: settings.maxAddressesPerEni,
        addresses: settings.maxAddresses,
        quota: Math.max(0, quota.enis - 1) * Math.max(0, quota.addressesPerEni - 1),
      },
      disabled: settings.disabled,
      creating,
      instanceId: instance.id,
      enis: objects.enisOf(name).filter(mine),
      addresses: objects.addressesOf(name).filter(mine),
      cloud: view,
      now: this.#world.clock.monotonic(),
      subnets: subnets.ofZone(instance.zone, settings.subnetIds),
      isSubnetDraining: (id) => subnets.isDraining(id),
      isTokenValid: (token) => tokens.isValid(token),
    });
    // What is told about the node, such as its room, is to say the same as its plan.
    return drainExcess(built);
  }

  #creatingOf(node: string): NodeENIConfigStatus["creating"] {
    return this.#world.objects.configs.get(node)?.status?.creating;
  }

  async #publish(run: Run, published: Published): Promise<void> {
    await this.#world.objects.writeConfigStatus(run.name, this.#statusOf(run, published));
    await this.#signals.show(run.node, published.readiness);
  }

  /** Says why a node of which nothing else is known does not serve. */
  async #publishProblem(node: Node, readiness: Readiness): Promise<void> {
    const { objects, clock } = this.#world;
    const { name } = node.metadata;
    this.#world.capacityKnown(name, 0);
    const status = withReadiness(objects.configs.get(name), readiness, clock.now());
    await objects.writeConfigStatus(name, status);
    await this.#signals.show(node, readiness);
  }

  #statusOf(run: Run, published: Published): NodeENIConfigStatus {
    const { objects, clock } = this.#world;
    const { name, instance } = run;
    const isThere = ({ spec }: { spec: { instanceID: string } }) => spec.instanceID === instance.id;
    return nodeStatus(
      {
        ...run,
        ...published,
        demand: this.#world.demandOf(name),
        bringsAddresses: this.#world.claims !== undefined,
        enis: objects.enisOf(name).filter(isThere),
        addresses: objects.addressesOf(name),
      },
      { before: readinessCondition(objects.configs.get(name)), now: clock.now() },
    );
  }
}

function stopped(instance: Instance): Readiness {
  return {
    ready: false,
    reason: "InstanceStopped",
    message: `instance ${instance.id} is stopped: it keeps its ENIs and addresses; start it, or delete the Node`,
  };
}
