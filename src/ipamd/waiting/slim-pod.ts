import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import type { Pod } from "../../kube/core-resources.ts";
import { type ClaimWish, claimWish } from "../claims/claim-wish.ts";
import { type PodOnNode, podOnNode } from "../node/demand.ts";
import type { Amounts } from "./amounts.ts";
import type { NodeTerm, PodNeeds, Toleration } from "./pod-needs.ts";
import { podRequests, type RequestingSpec } from "./pod-requests.ts";

/** Of v1.Pod, what decides where it may run. */
export type SchedulablePod = Pod & {
  readonly spec: RequestingSpec & {
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly affinity?: {
      readonly nodeAffinity?: {
        readonly requiredDuringSchedulingIgnoredDuringExecution?: {
          readonly nodeSelectorTerms?: readonly NodeTerm[];
        };
      };
    };
    readonly tolerations?: readonly Toleration[];
    readonly schedulingGates?: readonly unknown[];
  };
};

/** What is kept of a pod. */
export interface SlimPod extends PodOnNode {
  /** What it takes of its node beside an address; of one that has ended, and of one that is bound nowhere, nothing. */
  readonly requests: Amounts;
  /** It is bound and has not ended, so it takes one of the node's places for pods, also without an address of ours. */
  readonly takesPlace: boolean;
  /** What it asks of its claim, where pods have claims. */
  readonly claim: ClaimWish;
  /** Set while it waits because no node has an address left for it. */
  readonly waiting?: WaitingPod;
}

/** What a pod waits for. */
export interface WaitingPod {
  /** RFC 3339; the oldest is served first. */
  readonly since: string;
  readonly needs: PodNeeds;
  /** Equal for pods of equal needs. */
  readonly needsKey: string;
}

/** The transform of ipamd's watch of pods. It never throws. */
export function slimPod(pod: SchedulablePod): SlimPod {
  const onNode = podOnNode(pod);
  const ended = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
  const takesPlace = onNode.node !== undefined && !ended;
  return {
    ...onNode,
    requests: takesPlace ? podRequests(pod.spec) : {},
    takesPlace,
    claim: claimWish(pod),
    ...(onNode.needsAddress && waitsForAddress(pod) && { waiting: waitingPod(pod) }),
  };
}

/** The scheduler tells it in words only, and names no node. */
const LACKS_ADDRESS = `Insufficient ${ENI_IP_RESOURCE}`;

function waitsForAddress({ metadata, spec, status }: SchedulablePod): boolean {
  if (spec.nodeName || metadata.deletionTimestamp !== undefined) return false;
  if ((spec.schedulingGates ?? []).length > 0) return false;
  return (status?.conditions ?? []).some(
    ({ type, status: value, reason, message = "" }) =>
      type === "PodScheduled" &&
      value === "False" &&
      reason === "Unschedulable" &&
      message.includes(LACKS_ADDRESS),
  );
}

function waitingPod({ metadata, spec }: SchedulablePod): WaitingPod {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const needs: PodNeeds = {
    requests: podRequests(spec),
    nodeSelector: spec.nodeSelector ?? {},
    ...(required !== undefined && { nodeTerms: required.nodeSelectorTerms ?? [] }),
    tolerations: spec.tolerations ?? [],
  };
  return { since: metadata.creationTimestamp, needs, needsKey: JSON.stringify(needs) };
}
