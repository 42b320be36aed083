import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import { AGENT_MANAGER } from "../../api/field-managers.ts";
import { type Node, nodes } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { type Patience, untilAnswered } from "./until-answered.ts";

export interface NodeStatusOptions extends Patience {
  client: Pick<KubeClient, "get" | "mergePatch">;
  /** Name of this node. */
  nodeName: string;
}

/**
 * Number of addresses in the status of this node's Node object, which the scheduler goes by. The kubelet writes it too, up to
 * 10 s after the number has changed; until then pods would wait, or be sent where there is nothing for them.
 */
export class NodeStatus {
  readonly #options: NodeStatusOptions;

  constructor(options: NodeStatusOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the API server has answered with this count, be it the kubelet that wrote it or we. Tries until then.
   *
   * @throws when `signal` is aborted, and for nothing else
   */
  async show(count: number, signal: AbortSignal): Promise<void> {
    const what = `writing ${count} ${ENI_IP_RESOURCE} to the status of ${this.#options.nodeName}`;
    await untilAnswered(() => this.#showOnce(count, signal), this.#options, { what, signal });
  }

  /**
   * Whether the Node object has this count, by a quorum read. Tries until the API server answers.
   *
   * @throws when `signal` is aborted, and for nothing else
   */
  async shows(count: number, signal: AbortSignal): Promise<boolean> {
    const { client, nodeName } = this.#options;
    const what = `reading the status of ${nodeName}`;
    const node = await untilAnswered(() => client.get(nodes, nodeName, { signal }), this.#options, {
      what,
      signal,
    });
    return shows(node, quantityOf(count));
  }

  async #showOnce(count: number, signal: AbortSignal): Promise<void> {
    const { client, nodeName, logger } = this.#options;
    const quantity = quantityOf(count);
    if (shows(await client.get(nodes, nodeName, { signal }), quantity)) return;
    const amount = { [ENI_IP_RESOURCE]: quantity };
    const patched = await client.mergePatch(nodes, nodeName, {
      subresource: "status",
      fieldManager: AGENT_MANAGER,
      patch: { status: { capacity: amount, allocatable: amount } },
      signal,
    });
    if (!shows(patched, quantity)) {
      throw new Error(
        `the API server took the patch of ${nodeName} and answered with ${patched.status?.allocatable?.[ENI_IP_RESOURCE] ?? "no"} ${ENI_IP_RESOURCE} instead of ${quantity}`,
      );
    }
    logger.info({ node: nodeName, count }, "allocatable addresses written to the node's status");
  }
}

function shows(node: Node, quantity: string): boolean {
  const { capacity, allocatable } = node.status ?? {};
  return capacity?.[ENI_IP_RESOURCE] === quantity && allocatable?.[ENI_IP_RESOURCE] === quantity;
}

/** A count as the API server writes it: canonical quantities have no three zeros at their end. */
function quantityOf(count: number): string {
  return count > 0 && count % 1000 === 0 ? `${count / 1000}k` : String(count);
}
