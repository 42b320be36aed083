import type { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { NodeView } from "../planner/node-view.ts";
import type { NodeWorld } from "./node-world.ts";
import { type Readiness, refusedReadiness } from "./ready-condition.ts";

/** A limit of the whole VPC changes rarely, and a thousand nodes may meet it at once. */
const VPC_LIMIT_AGAIN_MS = 60_000;

/** What the cloud has refused to nodes, and why. */
export class Refusals {
  readonly #world: Pick<NodeWorld, "cloud" | "clock" | "instances" | "objects">;
  /** By node, what was last refused; it stands until the cloud has done what the node needs, or that is needed no more. */
  readonly #standing = new Map<string, Readiness>();
  readonly #told = new WeakSet<CloudError>();
  #vpcLimit: { readAt: number; most: Promise<number | undefined> } | undefined;

  constructor(world: Pick<NodeWorld, "cloud" | "clock" | "instances" | "objects">) {
    this.#world = world;
  }

  of(node: string): Readiness | undefined {
    return this.#standing.get(node);
  }

  over(node: string): void {
    this.#standing.delete(node);
  }

  /** Whether the node's condition says all that is known of this refusal. */
  isTold(refusal: CloudError): boolean {
    return this.#told.has(refusal);
  }

  /** Takes a refusal. @returns what the node's condition is to say of it */
  async take(
    refusal: CloudError,
    run: { name: string; instance: Instance; quota: InterfaceLimit; view: NodeView },
  ): Promise<Readiness> {
    this.#told.add(refusal);
    const readiness = await this.#readinessAfter(refusal, run);
    this.#standing.set(run.name, readiness);
    return readiness;
  }

  async #readinessAfter(
    refusal: CloudError,
    {
      name,
      instance,
      quota,
      view,
    }: { name: string; instance: Instance; quota: InterfaceLimit; view: NodeView },
  ): Promise<Readiness> {
    const readiness = refusedReadiness(refusal, view);
    if (refusal.class !== "quota") return readiness;
    this.#world.instances.doubtLimit(instance);
    const say = (reason: Readiness["reason"], more: string): Readiness => ({
      ...readiness,
      reason,
      message: readiness.message + more,
      event: (readiness.event ?? readiness.message) + more,
    });
    if (refusal.action === "AssignPrivateIpAddresses") return say("QuotaReached", "");
    const others = this.#heldByOthers(instance, name);
    if (others !== undefined) return say("QuotaReached", `; ${others}`);
    const attached = 1 + view.enis.filter(({ unattached, detached }) => !unattached && !detached).length;
    if (attached >= quota.enis) return say("QuotaReached", `; ${instance.type} takes ${quota.enis} ENIs`);
    const most = await this.#vpcEniLimit();
    return say("VPCLimit", most === undefined ? "" : `; a VPC may have ${most} ENIs here`);
  }

  /** Two Nodes on one instance share its quota. */
  #heldByOthers(instance: Instance, node: string): string | undefined {
    const held = this.#world.objects.enis
      .list()
      .filter(({ spec }) => spec.instanceID === instance.id && spec.node !== node);
    const [first] = held;
    if (first === undefined) return undefined;
    return `${held.length} of the ENIs on ${instance.id} are those of Node ${first.spec.node}: delete that Node if it is this machine's former name`;
  }

  /** For the message only: a policy that does not allow the question is no reason to fail. */
  #vpcEniLimit(): Promise<number | undefined> {
    const { cloud, clock } = this.#world;
    const now = clock.monotonic();
    if (this.#vpcLimit === undefined || now - this.#vpcLimit.readAt >= VPC_LIMIT_AGAIN_MS) {
      this.#vpcLimit = { readAt: now, most: cloud.vpcEniLimit().catch(() => undefined) };
    }
    return this.#vpcLimit.most;
  }
}
