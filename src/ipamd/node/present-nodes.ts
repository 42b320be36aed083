import type { NodeENIConfig, NodeENIConfigStatus } from "../../api/node-eni-config.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import { type Action, boundCount, type NodeView } from "../planner/node-view.ts";
import { planNode } from "../planner/plan-node.ts";
import { RELEASE_INTERVAL_MS, type ShrinkMemory } from "../planner/shrink.ts";
import type { WorkResult } from "../work-queue.ts";
import { buildNodeView } from "./build-node-view.ts";
import type { CreationBook } from "./creation-book.ts";
import { executeAction } from "./execute-action.ts";
import { LOST_CREATE_MS } from "./lost-creation.ts";
import type { NodeWorld } from "./node-world.ts";
import { type Readiness, readyCondition, shortageReadiness } from "./ready-condition.ts";
import { keepRefusedEni, syncObjects } from "./sync-objects.ts";

/** Pause before the cloud is asked again who a Node is. */
const IDENTIFY_AGAIN_MS = 15_000;

/** Pause before an address is looked at again whose former object is about to go. */
const UNNAMED_AGAIN_MS = 1000;

/** Everything known about a node in one run. */
interface Run {
  node: string;
  config: NodeENIConfig;
  instance: Instance;
  quota: InterfaceLimit;
  limit: NodeView["limit"];
}

/** What is published of a node. */
interface NodeState {
  view: NodeView;
  creating: NodeENIConfigStatus["creating"];
  readiness: Readiness;
}

/** Keeps the ENIs and addresses of nodes that are there as they should be. */
export class PresentNodes {
  readonly #world: NodeWorld;
  readonly #shrink = new Map<string, ShrinkMemory>();
  readonly #creations: CreationBook;

  constructor(world: NodeWorld, creations: CreationBook) {
    this.#world = world;
    this.#creations = creations;
  }

  /** Forgets a node that is gone. */
  departed(node: string): void {
    this.#shrink.delete(node);
  }

  /** One look at a node: objects in line with the cloud, then whatever the plan says. */
  async look(node: Node): Promise<WorkResult> {
    const { objects, instances, clock } = this.#world;
    const name = node.metadata.name;
    const config = await objects.ensureConfig(name);
    const { instance, problem } = await instances.identify(node);
    if (instance === undefined) {
      const condition = readyCondition(
        { ready: false, reason: "NoInstance", message: problem },
        { before: conditionOf(config), now: clock.now() },
      );
      await objects.writeConfigStatus(name, { ...ownStatus(config), conditions: [condition] });
      return { againInMs: IDENTIFY_AGAIN_MS };
    }
    const quota = await instances.limit(instance);
    const limit = limitOf(quota, config);
    return this.#lookAtInstance({ node: name, config, instance, quota, limit });
  }

  async #lookAtInstance(run: Run): Promise<WorkResult> {
    const { objects, clock, settings } = this.#world;
    const { node, instance } = run;
    await syncObjects(this.#world, {
      node,
      instanceId: instance.id,
      addressesPerEni: run.limit.addressesPerEni,
    });
    for (const veni of objects.enisOf(node)) {
      if (veni.spec.instanceID === instance.id) await keepRefusedEni(this.#world, veni);
    }
    const creating = await this.#creations.settle(node);
    const view = this.#view(run, creating);
    const plan = planNode(view, this.#shrink.get(node) ?? {}, {
      quick: settings.quickRelease,
      now: clock.monotonic(),
    });
    this.#shrink.set(node, plan.memory);

    const readiness =
      plan.shortage === undefined
        ? attachingOrServing(view)
        : shortageReadiness(plan.shortage, {
            zone: instance.zone,
            subnets: settings.subnetIds.join(", "),
            demand: view.demand,
            capacity: run.limit.enis * run.limit.addressesPerEni,
            bound: boundCount(view),
          });
    await this.#publish(run, { view, creating, readiness });

    await this.#execute(run, { actions: plan.actions, view, readiness });
    if (this.#hasUnnamedAddress(run)) return { againInMs: UNNAMED_AGAIN_MS };
    if (creating !== undefined) return { againInMs: LOST_CREATE_MS / 3 };
    return plan.memory.surplusSince === undefined ? {} : { againInMs: RELEASE_INTERVAL_MS / 4 };
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
    const { node, instance } = run;
    const failures: unknown[] = [];
    for (const action of actions) {
      try {
        await executeAction(this.#world, action, {
          node,
          instance,
          addressesPerEni: run.limit.addressesPerEni,
          securityGroupIds: run.config.spec.securityGroups ?? instance.securityGroupIds,
          recordCreating: (creating) =>
            objects.writeCreating(node, this.#statusOf(run, { view, creating, readiness })),
        });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 0) return;
    const refusal = failures.find((error) => error instanceof CloudError);
    if (refusal !== undefined) {
      const creating = this.#creatingOf(node);
      await this.#publish(run, { view, creating, readiness: refusedReadiness(refusal, view) });
    }
    throw failures[0];
  }

  /** Whether an ENI has an address whose object still stands for an earlier assignment elsewhere. */
  #hasUnnamedAddress(run: Run): boolean {
    const { objects, view } = this.#world;
    return objects.enisOf(run.node).some((veni) => {
      const id = veni.metadata.name;
      return view.get(id)?.addresses.some((a) => {
        const vip = objects.addresses.get(a.address);
        return a.state === "available" && vip !== undefined && vip.spec.eniID !== id;
      });
    });
  }

  #view(run: Run, creating: NodeENIConfigStatus["creating"]): NodeView {
    const { objects, view, subnets, settings } = this.#world;
    const mine = (o: { spec: { instanceID: string } }) => o.spec.instanceID === run.instance.id;
    return buildNodeView({
      demand: this.#world.demandOf(run.node),
      warm: settings.warm,
      limit: run.limit,
      creating,
      instanceId: run.instance.id,
      enis: objects.enisOf(run.node).filter(mine),
      addresses: objects.addressesOf(run.node).filter(mine),
      cloud: view,
      now: this.#world.clock.monotonic(),
      subnets: subnets.usable(run.instance.zone),
    });
  }

  #creatingOf(node: string): NodeENIConfigStatus["creating"] {
    return this.#world.objects.configs.get(node)?.status?.creating;
  }

  async #publish(run: Run, state: NodeState): Promise<void> {
    await this.#world.objects.writeConfigStatus(run.node, this.#statusOf(run, state));
  }

  #statusOf(run: Run, state: NodeState): NodeENIConfigStatus {
    const { objects, clock } = this.#world;
    const { node, instance, quota, limit } = run;
    const enis = objects.enisOf(node).filter((veni) => veni.spec.instanceID === instance.id);
    const assigned = state.view.enis.reduce((sum, eni) => sum + eni.addresses.length, 0);
    const condition = readyCondition(state.readiness, {
      before: conditionOf(objects.configs.get(node)),
      now: clock.now(),
    });
    return {
      instanceID: instance.id,
      instanceType: instance.type,
      zone: instance.zone,
      quota: { enis: quota.enis, addressesPerENI: quota.addressesPerEni },
      eniInfos: enis.map((veni) => ({
        eniID: veni.metadata.name,
        mac: veni.spec.mac,
        subnetID: veni.spec.subnetID,
        subnetCIDR: veni.spec.subnetCIDR,
        primaryIP: veni.spec.primaryIP,
        addresses: state.view.enis.find((eni) => eni.id === veni.metadata.name)?.addresses.length ?? 0,
      })),
      ...(state.creating !== undefined && { creating: state.creating }),
      enis: `${enis.length}/${limit.enis}`,
      addresses: `${assigned}/${limit.enis * limit.addressesPerEni}`,
      demand: state.view.demand,
      conditions: [condition],
    };
  }
}

/** What the quota allows to pods, lowered by what the node's configuration says. */
function limitOf(quota: InterfaceLimit, config: NodeENIConfig): NodeView["limit"] {
  const enis = Math.max(0, quota.enis - 1);
  const addressesPerEni = Math.max(0, quota.addressesPerEni - 1);
  return {
    enis: Math.min(enis, config.spec.maxRouteENI ?? enis),
    addressesPerEni: Math.min(addressesPerEni, config.spec.maxIPPerENI ?? addressesPerEni),
  };
}

function conditionOf(config: NodeENIConfig | undefined) {
  return config?.status?.conditions?.find((condition) => condition.type === "Ready");
}

/** Status fields of ipamd's that are kept as they are while nothing new is known. */
function ownStatus(config: NodeENIConfig): NodeENIConfigStatus {
  const { use: _use, conditions: _conditions, ...own } = config.status ?? {};
  return own;
}

function attachingOrServing(view: NodeView): Readiness {
  const usable = view.enis.filter((eni) => eni.ready).reduce((sum, eni) => sum + eni.addresses.length, 0);
  if (usable > 0 || boundCount(view) === 0) {
    return {
      ready: usable > 0,
      reason: usable > 0 ? "Serving" : "Attaching",
      message: `${usable} addresses are assigned`,
    };
  }
  return {
    ready: false,
    reason: "Attaching",
    message: "the first ENI is being attached: this takes seconds",
  };
}

function refusedReadiness(error: CloudError, view: NodeView): Readiness {
  const ready = view.enis.some((eni) => eni.ready && eni.addresses.length > 0);
  const reasons = {
    throttled: "Throttled",
    "retry-later": "CloudRefused",
    credential: "CredentialRejected",
    "clock-skew": "ClockSkew",
    "not-authorised": "NotAuthorised",
    quota: "QuotaReached",
    "subnet-full": "SubnetFull",
    unknown: "CloudRefused",
    permanent: "CloudRefused",
    "done-already": "CloudRefused",
  } as const;
  return {
    ready,
    reason: reasons[error.class],
    message: `the cloud did not do what the node needs (${error.message}${error.requestId && `, request ${error.requestId}`}); it is tried again`,
  };
}
