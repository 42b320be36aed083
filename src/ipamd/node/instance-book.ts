import { instanceOfProviderId } from "../../api/provider-id.ts";
import type { CloudReads } from "../../cloud/budget/budgeted-reads.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import type { Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { ABSENCE_INTERVAL_MS } from "../cloud-view/cloud-view.ts";
import { fallbackLimit } from "../quota/fallback-limit.ts";
import { QuotaBook, type QuotaChange } from "../quota/quota-book.ts";

/** How long lookups by id are gathered, so that a hundred new nodes make one call. */
const GATHER_MS = 20;

/** An instance whose Node is not Ready, or gone, is looked at again this often. */
const LOOK_AGAIN_MS = ABSENCE_INTERVAL_MS;

/** Who a Node is in the cloud, or one sentence why that is not known. */
export type Identity = { instance: Instance; problem?: never } | { instance?: never; problem: string };

/** Readings that said of an instance that it is not running. Monotonic milliseconds. */
interface Down {
  state: "stopped" | "gone";
  first: number;
  last: number;
}

export interface InstanceBookParts {
  cloud: Pick<CloudReads, "instancesById" | "instanceByAddress" | "interfaceLimit">;
  clock: WaitingClock;
  vpcId: () => string;
  quotaChanged: (change: QuotaChange) => void;
}

/**
 * Finds the instance behind each Node and its quota, and remembers both: an instance is asked for once a Node object, and again
 * while its Node is not Ready; a quota once an instance type and from time to time, since DescribeNetworkInterfaceLimit
 * allows only 20 calls a second in the whole region.
 */
export class InstanceBook {
  readonly #parts: InstanceBookParts;
  /** By Node: its instance, or none where the cloud was asked and knows of none. */
  readonly #byNode = new Map<string, { uid: string; instance: Instance | undefined; readAt: number }>();
  readonly #down = new Map<string, Down>();
  readonly #quotas = new QuotaBook();
  readonly #readingLimits = new Map<string, Promise<void>>();
  #gathered: { ids: Set<string>; answer: Promise<Map<string, Instance>> } | undefined;

  constructor(parts: InstanceBookParts) {
    this.#parts = parts;
  }

  /** By providerID where the Node has one, else by its private address. */
  async identify(node: Node): Promise<Identity> {
    const { name, uid } = node.metadata;
    const known = this.#byNode.get(name);
    const now = this.#parts.clock.monotonic();
    if (known?.uid === uid && known.instance !== undefined) {
      const isFresh = now - known.readAt < LOOK_AGAIN_MS;
      if (isReady(node) ? known.instance.state === "running" || isFresh : isFresh) {
        return { instance: known.instance };
      }
    }
    const found = await this.#find(node);
    this.#byNode.set(name, { uid, instance: found.instance, readAt: this.#parts.clock.monotonic() });
    return found;
  }

  /** Whether a Node may be one of these instances: until the cloud has been asked, any that names none may. */
  mayBe(node: Node, instanceIds: ReadonlySet<string>): boolean {
    const isKnown =
      instanceOfProviderId(node.spec.providerID) !== undefined ||
      this.#byNode.get(node.metadata.name)?.uid === node.metadata.uid;
    return !isKnown || [...instanceIds].some((id) => this.is(node, id));
  }

  /** Whether a Node is that instance, as far as is known. */
  is(node: Node, instanceId: string): boolean {
    const named = instanceOfProviderId(node.spec.providerID);
    if (named !== undefined) return named === instanceId;
    const known = this.#byNode.get(node.metadata.name);
    return known?.uid === node.metadata.uid && known.instance?.id === instanceId;
  }

  forget(nodeName: string): void {
    this.#byNode.delete(nodeName);
  }

  /**
   * Whether the cloud says in two readings far enough apart that an instance is stopped, terminated or absent: then nothing runs on
   * it that could hold an address (DESIGN: proof that a holder is gone, c). Reads it again when the last reading is old.
   */
  async isDown(instanceId: string): Promise<boolean> {
    const now = this.#parts.clock.monotonic();
    const known = this.#down.get(instanceId);
    if (known === undefined || now - known.last >= LOOK_AGAIN_MS) await this.#byId(instanceId);
    return this.downFor(instanceId) !== undefined;
  }

  /** What two readings have said of an instance, both the same: one that is stopped and once not shown is not gone. */
  downFor(instanceId: string): Down["state"] | undefined {
    const down = this.#down.get(instanceId);
    return down !== undefined && down.last - down.first >= ABSENCE_INTERVAL_MS ? down.state : undefined;
  }

  /**
   * What an instance may have. While the cloud does not tell, what a former leader knew; else what the table says for its type.
   *
   * @param former as a former leader published it for an instance of this type
   */
  async limit(instance: Instance, former: InterfaceLimit | undefined): Promise<InterfaceLimit> {
    const { type } = instance;
    if (this.#quotas.shouldRead(type, this.#parts.clock.monotonic())) {
      this.#readingLimits.set(type, this.#readLimit(instance));
    }
    if (this.#quotas.limitOf(type) === undefined) await this.#readingLimits.get(type);
    return this.#quotas.limitOf(type) ?? former ?? fallbackLimit(type);
  }

  /** The cloud refused for quota: what is remembered of this type may be old. */
  doubtLimit(instance: Instance): void {
    this.#quotas.doubt(instance.type);
  }

  async #readLimit({ id, type }: Instance): Promise<void> {
    try {
      const limit = await this.#parts.cloud.interfaceLimit(id);
      const change = this.#quotas.record(type, limit, this.#parts.clock.monotonic());
      if (change !== undefined) this.#parts.quotaChanged(change);
    } catch (error) {
      // The table holds until the cloud tells; the budget's health says why it does not.
      if (!(error instanceof CloudError)) throw error;
    } finally {
      this.#readingLimits.delete(type);
    }
  }

  async #find(node: Node): Promise<Identity> {
    const id = instanceOfProviderId(node.spec.providerID);
    if (id !== undefined) {
      const instance = await this.#byId(id);
      if (instance === undefined) {
        return {
          problem: `the cloud knows no instance ${id}, which the node's providerID ${node.spec.providerID} names: check the region and the providerID`,
        };
      }
      return this.#inVpc(instance);
    }
    const addresses = (node.status?.addresses ?? [])
      .filter((a) => a.type === "InternalIP")
      .map((a) => a.address);
    const vpcId = this.#parts.vpcId();
    for (const address of addresses) {
      const instance = await this.#parts.cloud.instanceByAddress(vpcId, address);
      if (instance === undefined) continue;
      this.#noteState(instance.id, instance);
      return this.#inVpc(instance);
    }
    return {
      problem: `no instance of ${vpcId} has a private address of the node (${addresses.join(", ") || "it has none"}), and it has no providerID: check the VPC id, or set --provider-id=qcloud:///ZONE/INSTANCE on its kubelet`,
    };
  }

  async #byId(id: string): Promise<Instance | undefined> {
    const instance = (await this.#gather(id)).get(id);
    this.#noteState(id, instance);
    return instance;
  }

  /** One reading for all that ask within a moment. */
  #gather(id: string): Promise<Map<string, Instance>> {
    if (this.#gathered !== undefined) {
      this.#gathered.ids.add(id);
      return this.#gathered.answer;
    }
    const ids = new Set([id]);
    const answer = this.#parts.clock.sleep(GATHER_MS).then(async () => {
      this.#gathered = undefined;
      const instances = await this.#parts.cloud.instancesById([...ids]);
      return new Map(instances.map((instance) => [instance.id, instance]));
    });
    this.#gathered = { ids, answer };
    return answer;
  }

  #noteState(id: string, instance: Instance | undefined): void {
    const now = this.#parts.clock.monotonic();
    const state = instance === undefined || instance.state === "terminated" ? "gone" : instance.state;
    if (state === "running" || state === "changing") {
      this.#down.delete(id);
      return;
    }
    const before = this.#down.get(id);
    this.#down.set(id, { state, first: before?.state === state ? before.first : now, last: now });
  }

  #inVpc(instance: Instance): Identity {
    const vpcId = this.#parts.vpcId();
    if (instance.vpcId === vpcId) return { instance };
    return {
      problem: `instance ${instance.id} is in ${instance.vpcId}, and this cluster's pods in ${vpcId}: an ENI cannot cross VPCs`,
    };
  }
}

/** A Node that has said nothing yet counts as ready. */
function isReady(node: Node): boolean {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  return ready === undefined || ready.status === "True";
}
