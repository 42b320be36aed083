import type { Occurrence } from "../../kube/event-series.ts";
import type { Logger } from "../logger.ts";
import type { Drift, DriftKind, DriftOutcome } from "./drift.ts";

export interface DriftReporterWorld {
  readonly logger: Logger;
  /** Counts one. */
  count(kind: DriftKind, outcome: DriftOutcome): void;
  /** Tells of the node. */
  tellNode(occurrence: Pick<Occurrence, "reason" | "message">): void;
  /** Tells of a pod; does nothing for an attachment that is no pod's. @returns whether it was a pod's */
  tellPod(pod: NonNullable<Drift["pod"]>, occurrence: Pick<Occurrence, "reason" | "message">): boolean;
}

const REASONS: Readonly<Record<DriftOutcome, string>> = {
  repaired: "DriftRepaired",
  quarantined: "DriftQuarantined",
  failed: "DriftNotRepaired",
};

/** More pods than this with the same drift at one time have one cause, and that is the node's. */
const MOST_PODS = 10;

/** Counts what was found at one look, logs it, and tells of it where people look. */
export function reportDrift(
  { logger, count, tellNode, tellPod }: DriftReporterWorld,
  found: readonly Drift[],
): void {
  for (const { kind, outcome, pod, message } of found) {
    count(kind, outcome);
    const name = pod === undefined || pod.podName === "" ? undefined : `${pod.podNamespace}/${pod.podName}`;
    logger.warn({ drift: kind, outcome, pod: name, containerId: pod?.containerId }, message);
  }
  for (const alike of Map.groupBy(found, (d) => `${d.kind} ${d.outcome}`).values()) {
    const [first] = alike;
    if (first === undefined) continue;
    const reason = REASONS[first.outcome];
    const isOfTheNode = alike.length > MOST_PODS && first.pod !== undefined;
    if (isOfTheNode) {
      tellNode({ reason, message: `${first.kind} of many pods at once; of the first: ${first.message}` });
      continue;
    }
    for (const { pod, message } of alike) {
      if (pod === undefined || !tellPod(pod, { reason, message })) tellNode({ reason, message });
    }
  }
}
