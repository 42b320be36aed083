import type { Condition } from "../../api/condition.ts";
import { requestSuffix } from "../../api/request-id.ts";
import type { CloudError } from "../../cloud/cloud-error.ts";
import { capacityOf, keptAddresses, type NodeView, type Shortage } from "../planner/node-view.ts";

/** Why a node's pods get addresses, or do not; the reason of the condition `Ready` of its NodeENIConfig. */
export interface Readiness {
  /** False: pods there have no address, and cannot get one now. */
  ready: boolean;
  reason:
    | "Serving"
    | "Attaching"
    | "Disabled"
    | "NoInstance"
    | "InstanceStopped"
    | "NoSubnetInZone"
    | "SubnetFull"
    | "QuotaReached"
    | "ENIFull"
    | "VPCLimit"
    | "Throttled"
    | "NotAuthorised"
    | "CredentialRejected"
    | "ClockSkew"
    | "RegionDown"
    | "CloudRefused";
  message: string;
  /** The message without what is another at each attempt, so that Events count; absent where it is the message. */
  event?: string;
}

/** Readiness of a node for which nothing is in the way. */
export function readinessOf(
  view: NodeView,
  { disabled, room }: { disabled: boolean; room: number },
): Readiness {
  const usable = usableCount(view);
  const short = view.demand - usable;
  if (disabled) {
    return {
      ready: usable > 0 && view.demand <= usable,
      reason: "Disabled",
      message: "the annotation disable-node-eni keeps ENIs off this node: remove it to let pods run here",
    };
  }
  const capacity = capacityOf(view);
  if (capacity === 0 && usable === 0) {
    return {
      ready: false,
      reason: "ENIFull",
      message:
        "neither the instance's quota nor the node's settings allow it an address: raise desired-route-eni-pod-num, route-eni-max-attach or maxPods, or use a larger instance type",
    };
  }
  if (usable > 0 && view.demand === usable && usable >= capacity) return full(capacity, view.limit.quota);
  if (view.needs !== undefined && usable === 0 && short === 0) {
    return { ready: true, reason: "Serving", message: "each pod brings its address" };
  }
  if (usable > 0 || view.needs !== undefined) {
    return short > 0
      ? {
          ready: true,
          reason: "Attaching",
          message: `${short} more addresses are on their way: this takes seconds`,
        }
      : { ready: true, reason: "Serving", message: `${usable} addresses are assigned` };
  }
  if (view.demand + view.waiting + view.warm.min === 0 && room > 0) {
    return { ready: true, reason: "Serving", message: "no address is kept ready: the first pod brings one" };
  }
  return {
    ready: false,
    reason: "Attaching",
    message: "the first ENI is being attached: this takes seconds",
  };
}

/** Every pod has its address, and there can be none for another. */
function full(capacity: number, quota: number): Readiness {
  return capacity < quota
    ? {
        ready: true,
        reason: "ENIFull",
        message: `pods use all ${capacity} addresses that the node's settings and maxPods allow: more pods need another node, or a higher limit`,
      }
    : {
        ready: true,
        reason: "QuotaReached",
        message: `pods use all ${capacity} addresses that the instance can have: more pods need another node, or a larger instance type`,
      };
}

/** Readiness of a node that cannot have all the addresses that it should have. */
export function shortageReadiness(
  shortage: Shortage,
  { view, zone, subnets }: { view: NodeView; zone: string; subnets: string },
): Readiness {
  // Where pods bring their addresses the scheduler's extender knows what is left: a taint would keep off those that need nothing more.
  const ready = view.needs !== undefined || isServed(view);
  switch (shortage) {
    case "no-subnet":
      return {
        ready: isServed(view),
        reason: "NoSubnetInZone",
        message: `no container subnet for this node is in zone ${zone} (configured: ${subnets}): add one to TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd, or correct the node's label route-eni-subnet-ids`,
      };
    case "subnet-full":
      return {
        ready,
        reason: "SubnetFull",
        message: `the container subnets of zone ${zone} have no addresses left: add a subnet, or lower the warm targets`,
      };
    case "quota":
      return {
        ready,
        reason: "QuotaReached",
        message: `${view.demand} pods need an address, and the instance can have ${capacityOf(view)}: use a larger instance type, or lower the node's maxPods`,
      };
    case "draining":
      return {
        ready,
        reason: "ENIFull",
        message: `${view.demand} pods need an address, and the ENIs that are being emptied take the places of new ones until the pods on them have left: delete these pods, or drain the node`,
      };
    case "eni-full":
      return {
        ready,
        reason: "ENIFull",
        message: `${view.demand} pods need an address, and the node's ENIs are full with the ${capacityOf(view)} that its settings and maxPods allow: raise desired-route-eni-pod-num, route-eni-max-attach, max-ip-per-route-eni or maxPods`,
      };
  }
}

const REFUSALS = {
  throttled: "Throttled",
  "retry-later": "CloudRefused",
  "not-authorised": "NotAuthorised",
  credential: "CredentialRejected",
  "clock-skew": "ClockSkew",
  quota: "VPCLimit",
  "subnet-full": "SubnetFull",
  "address-taken": "CloudRefused",
  unknown: "CloudRefused",
  permanent: "CloudRefused",
  "done-already": "CloudRefused",
} as const satisfies Record<CloudError["class"], Readiness["reason"]>;

const NEXT_STEPS: Partial<Record<Readiness["reason"], string>> = {
  NotAuthorised: "add the action to the policy of ipamd's user or role",
  CredentialRejected: "put a valid credential in place",
  ClockSkew: "set the clock of the machine that ipamd runs on",
  VPCLimit: "raise the limit of ENIs, or remove ENIs that nobody needs",
  SubnetFull: "add a subnet",
};

/** Readiness of a node for which the cloud did not do what it needs. */
export function refusedReadiness(error: CloudError, view: NodeView | undefined): Readiness {
  const reason = isAnswered(error) ? REFUSALS[error.class] : "RegionDown";
  const then = NEXT_STEPS[reason];
  const say = (details: string) =>
    `the cloud did not do what the node needs (${error.message}${details}): ${then === undefined ? "" : `${then}; `}it is tried again`;
  return {
    ready: view !== undefined && isServed(view),
    reason,
    message: say(requestSuffix(error.requestId)),
    event: say(""),
  };
}

function isAnswered({ class: meaning, code, requestId }: CloudError): boolean {
  return (meaning !== "unknown" && meaning !== "retry-later") || code !== "" || requestId !== "";
}

/** Addresses that pods can have now. */
export function usableCount(view: NodeView): number {
  const ready = view.enis.filter((eni) => eni.ready);
  return ready.reduce((sum, eni) => sum + keptAddresses(eni).length, 0);
}

/** Whether every pod there has an address that it can use. */
export function isServed(view: NodeView): boolean {
  const usable = usableCount(view);
  return usable > 0 && view.demand <= usable;
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
