import type { Condition } from "../../api/condition.ts";
import type { CloudHealth } from "../../cloud/budget/health.ts";

/** Condition of every VpcSubnet: whether the cloud does what ipamd asks of it, and if not, whose turn it is. */
export const CLOUD_ACCESS_CONDITION = "CloudAccess";

const REASONS = {
  well: "Well",
  throttled: "Throttled",
  "region-down": "RegionDown",
  "credential-rejected": "CredentialRejected",
  "clock-skew": "ClockSkew",
  "not-authorised": "NotAuthorised",
} as const satisfies Record<CloudHealth["state"], string>;

export function cloudAccessCondition(
  health: CloudHealth,
  { before, now }: { before: readonly Condition[] | undefined; now: number },
): Condition {
  const last = before?.find(({ type }) => type === CLOUD_ACCESS_CONDITION);
  // Being throttled costs time, nothing else.
  const status = health.state === "well" || health.state === "throttled" ? "True" : "False";
  return {
    type: CLOUD_ACCESS_CONDITION,
    status,
    reason: REASONS[health.state],
    message: health.message,
    lastTransitionTime: last?.status === status ? last.lastTransitionTime : new Date(now).toISOString(),
  };
}
