import { POD_ANNOTATIONS } from "../../api/annotations.ts";
import type { Pod } from "../../kube/core-resources.ts";
import { REASON_MARK } from "../decide/refusal.ts";
import type { ExtenderPod } from "../wire/extender-messages.ts";

/** A pod without a node, as far as it matters here. */
export interface WaitingPod extends ExtenderPod {
  /** The scheduler's last word of it is a refusal of this extender. */
  readonly refused: boolean;
  readonly priority: number;
  /** Wall clock, ms. */
  readonly createdAt: number;
  /** Node on which the scheduler tries it first. */
  readonly nominatedNode: string | undefined;
}

/** What is kept of a pod that has no node. */
export function waitingPod({ metadata, spec, status }: Pod): WaitingPod {
  const { name, namespace = "", uid, annotations = {}, creationTimestamp } = metadata;
  const kept = Object.values(POD_ANNOTATIONS).filter((key) => key in annotations);
  const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
  return {
    metadata: {
      name,
      namespace,
      uid,
      annotations: Object.fromEntries(kept.map((key) => [key, annotations[key] ?? ""])),
    },
    refused: scheduled?.reason === "Unschedulable" && (scheduled.message?.includes(REASON_MARK) ?? false),
    priority: spec.priority ?? 0,
    createdAt: Date.parse(creationTimestamp) || 0,
    nominatedNode: status?.nominatedNodeName || undefined,
  };
}

/** Whom an address goes to first: the highest priority, and of one priority whoever waits longest. */
export function inTurn(a: WaitingPod, b: WaitingPod): number {
  return b.priority - a.priority || a.createdAt - b.createdAt || (a.metadata.uid < b.metadata.uid ? -1 : 1);
}
