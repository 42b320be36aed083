import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import { type Node, nodes, type Pod, pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import type { Logger } from "../../src/kube/logger.ts";
import { type Reflector, startReflector } from "../../src/kube/reflector/reflector.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import type { Dice } from "./dice.ts";
import type { ExtenderEnd } from "./extender-process.ts";
import type { SimProcess } from "./sim-process.ts";

export interface SchedulerWorld {
  readonly process: SimProcess;
  readonly transport: KubeTransport;
  readonly dice: Dice;
  readonly logger: Logger;
  /** Asked where pods have addresses of their own; undefined where nodes' counts say all. */
  readonly extender?: (() => ExtenderEnd | undefined) | undefined;
}

/** A pod that found no node is looked at again when a node has changed, and after this time in any case. */
const AGAIN_MS = 30_000;

/**
 * The scheduler, as far as addresses go: binds pending pods to nodes whose announced count exceeds the pods that are bound there,
 * by a view that lags, with its own bindings assumed until the view shows them.
 */
export class Scheduler {
  readonly #world: SchedulerWorld;
  readonly #kube: KubeClient;
  readonly #nodes: Reflector<Node>;
  readonly #pods: Reflector<Pod, "node">;
  /** Bound by us, and not seen so yet: pod's key to its node. */
  readonly #assumed = new Map<string, string>();
  /** Pods that found no node, and until when they are left (monotonic). */
  readonly #unschedulable = new Map<string, number>();
  readonly #queue = new Set<string>();
  #working = false;

  constructor(world: SchedulerWorld) {
    this.#world = world;
    const { process, transport, dice, logger } = world;
    const reflected = { transport, clock: process.clock, random: dice.next, logger };
    this.#kube = createKubeClient(transport);
    this.#nodes = startReflector(reflected, { resource: nodes, transform: (node) => node });
    this.#pods = startReflector<Pod, Pod, "node">(reflected, {
      resource: pods,
      transform: (pod) => pod,
      indexes: { node: ({ spec }) => (spec.nodeName === undefined ? [] : [spec.nodeName]) },
    });
    this.#nodes.subscribe(() => this.#wakeAll());
    this.#pods.subscribe((event) => {
      if (event.type === "synced") return;
      const { object } = event;
      const key = keyOf(object);
      if (object.spec.nodeName !== undefined || event.type === "deleted") {
        this.#assumed.delete(key);
        this.#queue.delete(key);
        this.#unschedulable.delete(key);
        this.#wakeAll();
      } else if (event.type === "added" || (event.type === "modified" && isNominated(event))) {
        this.#queue.add(key);
      }
      void this.#work();
    });
    void this.#flush();
  }

  #wakeAll(): void {
    for (const key of this.#unschedulable.keys()) this.#queue.add(key);
    void this.#work();
  }

  async #flush(): Promise<void> {
    for (;;) {
      await this.#world.process.clock.sleep(AGAIN_MS);
      this.#wakeAll();
    }
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    const { process, dice } = this.#world;
    for (let [key] = this.#queue; key !== undefined; [key] = this.#queue) {
      this.#queue.delete(key);
      await process.clock.sleep(dice.between(0.5, 4));
      await this.#place(key);
    }
    this.#working = false;
  }

  async #place(key: string): Promise<void> {
    const [namespace = "", name = ""] = key.split("/");
    const pod = this.#pods.store.get(name, namespace);
    if (pod === undefined || pod.spec.nodeName !== undefined || this.#assumed.has(key)) return;
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const roomy = this.#nodes.store
      .list()
      .map((node) => ({ name: node.metadata.name, room: this.#room(node), fits: fits(node, pod) }))
      .filter(({ room, fits }) => room > 0 && fits);
    const sorted = roomy.toSorted((a, b) => b.room - a.room || (a.name < b.name ? -1 : 1));
    const { extender } = this.#world;
    if (extender !== undefined) return this.#placeByExtender(pod, sorted, extender());
    const [best] = sorted;
    if (best === undefined) return this.#refuse(pod, `Insufficient ${ENI_IP_RESOURCE}`);
    this.#unschedulable.delete(key);
    this.#assumed.set(key, best.name);
    try {
      await this.#bind(pod, best.name);
    } catch {
      this.#assumed.delete(key);
      this.#unschedulable.set(key, 0);
    }
  }

  /** Of the nodes with a slot, the one that the extender likes best; it binds. What it does not answer is tried again. */
  async #placeByExtender(
    pod: Pod,
    sorted: readonly { name: string }[],
    extender: ExtenderEnd | undefined,
  ): Promise<void> {
    const key = keyOf(pod);
    const { name, namespace = "", uid, annotations } = pod.metadata;
    const args = {
      Pod: { metadata: { name, namespace, uid, annotations: annotations ?? null } },
      NodeNames: sorted.map((node) => node.name),
    };
    try {
      if (sorted.length === 0) return await this.#refuse(pod, `Insufficient ${ENI_IP_RESOURCE}`);
      if (extender === undefined) throw new Error("there is no extender");
      const answer = await extender.filter(args);
      if (answer.Error !== "") throw new Error(answer.Error);
      const fitting = answer.NodeNames;
      if (fitting.length === 0) {
        const why = { ...answer.FailedNodes, ...answer.FailedAndUnresolvableNodes };
        return await this.#refuse(pod, Object.values(why)[0] ?? "");
      }
      const scores = await extender.prioritize({ ...args, NodeNames: [...fitting] });
      const [best] = scores.toSorted((a, b) => b.Score - a.Score);
      if (best === undefined) return;
      this.#unschedulable.delete(key);
      this.#assumed.set(key, best.Host);
      const bound = await extender.bind({
        PodName: name,
        PodNamespace: namespace,
        PodUID: uid,
        Node: best.Host,
      });
      if (bound.Error !== "") throw new Error(bound.Error);
    } catch (error) {
      this.#world.logger.info({ pod: key, err: error }, "a pod is tried again");
      this.#assumed.delete(key);
      // Its turn comes with the next change, or with time.
      if (this.#pods.store.get(name, namespace)?.metadata.uid === uid)
        this.#unschedulable.set(key, this.#world.process.clock.monotonic());
    }
  }

  #room(node: Node): number {
    const { name } = node.metadata;
    if (node.spec.taints?.some(({ effect }) => effect !== "PreferNoSchedule")) return 0;
    const allocatable = Number(node.status?.allocatable?.[ENI_IP_RESOURCE] ?? 0);
    const bound = this.#pods.store.index("node", name).filter((pod) => !hasEnded(pod));
    const assumed = [...this.#assumed].filter(
      ([key, on]) => on === name && !bound.some((pod) => keyOf(pod) === key),
    );
    return allocatable - bound.length - assumed.length;
  }

  async #bind({ metadata }: Pod, node: string): Promise<void> {
    await this.#world.transport.call({
      method: "POST",
      path: `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/binding`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiVersion: "v1", kind: "Binding", target: { kind: "Node", name: node } }),
    });
  }

  async #refuse(pod: Pod, why: string): Promise<void> {
    const { process, logger } = this.#world;
    const key = keyOf(pod);
    const first = !this.#unschedulable.has(key);
    this.#unschedulable.set(key, process.clock.monotonic());
    const count = this.#nodes.store.size;
    const message = `0/${count} nodes are available: ${count} ${why}. preemption: 0/${count} nodes are available: ${count} No preemption victims found for incoming pod.`;
    const before = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (before?.message === message) return;
    if (first) logger.info({ pod: key }, "no node has an address for a pod");
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime: new Date(process.clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
    } as const;
    try {
      await this.#kube.mergePatch(pods, pod.metadata.name, {
        namespace: pod.metadata.namespace,
        subresource: "status",
        fieldManager: "kube-scheduler",
        patch: { status: { conditions: [condition] } },
      });
    } catch {
      // It is said again the next time.
    }
  }
}

/** Whether somebody wakes the pod, by naming a node for it. */
function isNominated({ object, previous }: { object: Pod; previous: Pod }): boolean {
  const { nominatedNodeName } = object.status ?? {};
  return nominatedNodeName !== undefined && nominatedNodeName !== previous.status?.nominatedNodeName;
}

function keyOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Node selectors are all that pods here ask of a node, besides an address. */
function fits(node: Node, pod: Pod): boolean {
  const { nodeSelector = {} } = pod.spec as { nodeSelector?: Record<string, string> };
  return Object.entries(nodeSelector).every(([key, value]) => node.metadata.labels?.[key] === value);
}
