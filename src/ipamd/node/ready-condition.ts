import type { Condition } from "../../api/condition.ts";
import type { Shortage } from "../planner/node-view.ts";

/** Why a node's pods get addresses, or do not; the reason of the condition `Ready` of its NodeENIConfig. */
export interface Readiness {
  ready: boolean;
  reason:
    | "Serving"
    | "Attaching"
    | "NoInstance"
    | "NoSubnetInZone"
    | "SubnetFull"
    | "QuotaReached"
    | "Throttled"
    | "NotAuthorised"
    | "CredentialRejected"
    | "ClockSkew"
    | "CloudRefused";
  message: string;
}

/** Readiness of a node that cannot have all the addresses that it should have. */
export function shortageReadiness(
  shortage: Shortage,
  facts: { zone: string; subnets: string; demand: number; capacity: number; bound: number },
): Readiness {
  const ready = facts.bound > 0 && facts.demand <= facts.bound;
  switch (shortage) {
    case "no-subnet":
      return {
        ready,
        reason: "NoSubnetInZone",
        message: `no container subnet is in zone ${facts.zone} (configured: ${facts.subnets}): add one to TKE_ENI_IPAMD_SUBNET_ID`,
      };
    case "subnet-full":
      return {
        ready,
        reason: "SubnetFull",
        message: `the container subnets of zone ${facts.zone} have no addresses left: add a subnet, or lower the warm targets`,
      };
    case "quota":
      return {
        ready,
        reason: "QuotaReached",
        message: `${facts.demand} pods need an address, and the instance can have ${facts.capacity}: use a larger instance type, or lower the node's maxPods`,
      };
  }
}

/** The condition to be written; its date moves only when its status does. */
export function readyCondition(
  readiness: Readiness,
  options: { before: Condition | undefined; now: number },
): Condition {
  const status = readiness.ready ? "True" : "False";
  const same = options.before?.status === status;
  return {
    type: "Ready",
    status,
    reason: readiness.reason,
    message: readiness.message,
    lastTransitionTime:
      same && options.before ? options.before.lastTransitionTime : new Date(options.now).toISOString(),
  };
}
