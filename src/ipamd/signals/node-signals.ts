import { ENI_IP_UNAVAILABLE_CONDITION, ENI_IP_UNAVAILABLE_TAINT } from "../../api/eni-ip-unavailable.ts";
import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import { type Condition, type Node, nodeReference, nodes, type Taint } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { Readiness } from "../node/ready-condition.ts";
import type { Notices } from "./notices.ts";

export interface NodeSignalsParts {
  kube: Pick<KubeClient, "get" | "mergePatch" | "applyStatus">;
  notices: Notices;
  /** Wall clock, ms. */
  now: () => number;
  taint: boolean;
  condition: boolean;
}

/**
 * Tells on the Node itself whether pods get addresses there: a taint that keeps new ones away while they cannot, a condition that
 * says why and what to do, Events when that changes.
 */
export class NodeSignals {
  readonly #parts: NodeSignalsParts;

  constructor(parts: NodeSignalsParts) {
    this.#parts = parts;
  }

  /** @throws KubeError when the Node could not be written; one that changed meanwhile is left to the next look */
  async show(node: Node, readiness: Readiness): Promise<void> {
    this.#tell(node, readiness);
    const unavailable = !readiness.ready;
    try {
      if (this.#parts.taint && isTainted(node.spec.taints) !== unavailable) {
        await this.#setTaint(node.metadata.name, unavailable);
      }
      if (this.#parts.condition) await this.#setCondition(node, readiness);
    } catch (error) {
      if (!(error instanceof KubeError && (error.isConflict || error.isNotFound))) throw error;
    }
  }

  #tell({ metadata }: Node, readiness: Readiness): void {
    const { notices } = this.#parts;
    const { ready, reason } = readiness;
    const about = nodeReference(metadata.name);
    if (reason === "Serving" || reason === "Attaching") {
      notices.over("readiness", about);
      return;
    }
    const occurrence = {
      about,
      type: "Warning",
      reason: reason === "VPCLimit" ? "ENILimit" : reason,
      message: readiness.event ?? readiness.message,
    } as const;
    notices.tell("readiness", occurrence, `${ready}`);
  }

  /** On the Node as it is now: others have taints there, too, and the list is written as a whole. */
  async #setTaint(name: string, on: boolean): Promise<void> {
    const { kube } = this.#parts;
    const { metadata, spec } = await kube.get(nodes, name);
    if (isTainted(spec.taints) === on) return;
    const others = (spec.taints ?? []).filter((taint) => !isOurs(taint));
    const taints = on ? [...others, ENI_IP_UNAVAILABLE_TAINT] : others;
    await kube.mergePatch(nodes, name, {
      patch: { metadata: { resourceVersion: metadata.resourceVersion }, spec: { taints } },
      fieldManager: IPAMD_MANAGER,
    });
  }

  async #setCondition({ metadata, status }: Node, { ready, reason, message }: Readiness): Promise<void> {
    const before = status?.conditions?.find(({ type }) => type === ENI_IP_UNAVAILABLE_CONDITION);
    const value = ready ? "False" : "True";
    if (before?.status === value && before.reason === reason) return;
    // A Node that never lacked anything carries no trace of it.
    if (before === undefined && ready) return;
    const date = new Date(this.#parts.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const condition: Condition = {
      type: ENI_IP_UNAVAILABLE_CONDITION,
      status: value,
      reason,
      message,
      lastTransitionTime: before?.status === value ? (before.lastTransitionTime ?? date) : date,
    };
    await this.#parts.kube.applyStatus(
      nodes,
      { metadata: { name: metadata.name, uid: metadata.uid }, status: { conditions: [condition] } },
      { fieldManager: IPAMD_MANAGER },
    );
  }
}

function isTainted(taints: readonly Taint[] | undefined): boolean {
  return taints?.some(isOurs) ?? false;
}

function isOurs({ key, effect }: Taint): boolean {
  return key === ENI_IP_UNAVAILABLE_TAINT.key && effect === ENI_IP_UNAVAILABLE_TAINT.effect;
}
