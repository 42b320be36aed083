import type { Attachment } from "../pool/attachment.ts";

/** All differences between store, kernel and custom resources that the agent knows; docs/design/agent.md says what it does about each. */
export const DRIFT_KINDS = [
  "pod-route",
  "pod-route-surplus",
  "pod-group",
  "pod-alias",
  "pod-down",
  "pod-sysctl",
  "pod-link-twice",
  "pod-link-lost",
  "unknown-holder",
  "two-holders",
  "address-elsewhere",
  "address-lost",
  "eni-route",
  "eni-rule",
  "eni-address",
  "eni-down",
  "eni-renamed",
  "eni-no-carrier",
  "eni-lost",
  "pods-rule",
  "ruleset",
  "sysctl",
  "store",
] as const;

export type DriftKind = (typeof DRIFT_KINDS)[number];

/**
 * What became of it: it was put right; or nobody is given what it concerns, since nothing that the agent could do would surely be
 * right; or it should have been put right, and the kernel refused.
 */
export type DriftOutcome = "repaired" | "quarantined" | "failed";

export interface Drift {
  readonly kind: DriftKind;
  readonly outcome: DriftOutcome;
  /** Whom it is about; without a pod it is about the node. */
  readonly pod?: Attachment | undefined;
  /** One sentence for people, the same for each time that the same thing happens. */
  readonly message: string;
}
