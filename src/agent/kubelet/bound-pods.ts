import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import { type Pod, pods } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { type Patience, untilAnswered } from "./until-answered.ts";

/** A pod that is bound to this node, has not ended, and asks for addresses. */
export interface BoundPod {
  /** `namespace/name`. */
  readonly key: string;
  /** How many slots it takes at most. */
  readonly slots: number;
  /** Whether the kubelet has said anything of it. */
  readonly acknowledged: boolean;
}

export interface BoundPodsOptions extends Patience {
  client: Pick<KubeClient, "list">;
  /** Name of this node. */
  nodeName: string;
}

/** The pods that the API server has bound to this node, of which the kubelet may not have heard yet. */
export class BoundPods {
  readonly #options: BoundPodsOptions;

  constructor(options: BoundPodsOptions) {
    this.#options = options;
  }

  /**
   * By a quorum read, so as of now. Tries until the API server answers.
   *
   * @throws when `signal` is aborted, and for nothing else
   */
  async list(signal: AbortSignal): Promise<BoundPod[]> {
    const { client, nodeName } = this.#options;
    const { items } = await untilAnswered(
      () => client.list(pods, { fieldSelector: `spec.nodeName=${nodeName}`, signal }),
      this.#options,
      { what: `listing the pods of ${nodeName}`, signal },
    );
    return items.filter((pod) => !hasEnded(pod)).flatMap(asking);
  }
}

/**
 * How many slots are still to be handed to pods of the list.
 *
 * @param holders keys of the pods that hold slots as the kubelet says, asked after the list was made. A pod that it shows, but
 * has not acknowledged to the API server, may be the one that had this name before
 */
export function slotsOnTheWay(bound: readonly BoundPod[], holders: ReadonlySet<string>): number {
  return bound
    .filter(({ key, acknowledged }) => !acknowledged || !holders.has(key))
    .reduce((sum, { slots }) => sum + slots, 0);
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

function asking({ metadata, spec, status }: Pod): BoundPod[] {
  // An init container's slot goes to a later one, but never mind: too many are kept for a moment.
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const slots = containers.reduce(
    (sum, { resources }) => sum + Number(resources?.limits?.[ENI_IP_RESOURCE] ?? 0),
    0,
  );
  if (slots === 0) return [];
  return [
    {
      key: `${metadata.namespace}/${metadata.name}`,
      slots,
      acknowledged: status?.startTime !== undefined,
    },
  ];
}
