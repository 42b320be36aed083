import type { Condition } from "../../api/condition.ts";
import { withoutRequest } from "../../api/request-id.ts";
import { FailureReason } from "../../gen/tke/eni/agent/v1/address_pb.ts";

/** Why a pod got no address. */
export interface Failure {
  reason: FailureReason;
  /** For the caller: also what the pool is doing. */
  message: string;
  /** The same without what changes from try to try, for an event that is counted. */
  cause: string;
  /** Whether it is known what it is, and that it is more than an address on its way. */
  lasts: boolean;
}

interface Cause {
  reason: FailureReason;
  /** What it is, in a few words. */
  what: string;
  /** What to do about it. */
  remedy: string;
}

const TRIED_AGAIN = "nothing is to be done, it is tried again";
const SUBNETS = "TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd";

/** By the reason of the condition `Ready` of the NodeENIConfig, as ipamd writes it. */
const CAUSES: Readonly<Record<string, Cause>> = {
  Attaching: {
    reason: FailureReason.ATTACHING,
    what: "attaching",
    remedy: "addresses come within seconds, it is tried again",
  },
  ENIFull: {
    reason: FailureReason.ENI_FULL,
    what: "ENI full",
    remedy: "see `kubectl get nec` for why the node gets no other ENI, or send the pod to another node",
  },
  SubnetFull: {
    reason: FailureReason.SUBNET_FULL,
    what: "subnet full",
    remedy: `add a subnet of the node's zone to ${SUBNETS}`,
  },
  NoSubnetInZone: {
    reason: FailureReason.NO_SUBNET_IN_ZONE,
    what: "no subnet in zone",
    remedy: `add a subnet of the node's zone to ${SUBNETS}`,
  },
  QuotaReached: {
    reason: FailureReason.QUOTA,
    what: "quota",
    remedy: "send the pod to another node, or use a larger instance type",
  },
  VPCLimit: {
    reason: FailureReason.QUOTA,
    what: "quota of the VPC",
    remedy: "have the limit of ENIs in the VPC raised, or delete ENIs that nobody needs",
  },
  Throttled: { reason: FailureReason.THROTTLED, what: "throttled", remedy: TRIED_AGAIN },
  NotAuthorised: {
    reason: FailureReason.NOT_AUTHORISED,
    what: "not authorised",
    remedy: "give ipamd's credentials the permissions that its documentation lists",
  },
  CredentialRejected: {
    reason: FailureReason.NOT_AUTHORISED,
    what: "not authorised, ipamd's credentials are rejected",
    remedy: "put valid credentials into ipamd's Secret",
  },
  ClockSkew: {
    reason: FailureReason.NOT_AUTHORISED,
    what: "not authorised, ipamd's clock is wrong",
    remedy: "set the clock of the machine on which ipamd runs",
  },
  RegionDown: {
    reason: FailureReason.CLOUD_UNAVAILABLE,
    what: "the cloud does not answer",
    remedy: TRIED_AGAIN,
  },
  CloudRefused: {
    reason: FailureReason.CLOUD_UNAVAILABLE,
    what: "the cloud refuses",
    remedy: "it is tried again; if it stays so, ask the cloud's support about the request",
  },
  Disabled: {
    reason: FailureReason.NODE_EXCLUDED,
    what: "ENIs are switched off for this node",
    remedy: "take the annotation disable-node-eni off the Node, or send the pod to another node",
  },
  NoInstance: {
    reason: FailureReason.NODE_EXCLUDED,
    what: "the instance of this node is not known",
    remedy: "see that the Node's providerID or InternalIP is that of an instance in the VPC",
  },
  InstanceStopped: {
    reason: FailureReason.NODE_EXCLUDED,
    what: "the cloud says that this instance is stopped",
    remedy: "start the instance, or delete the Node",
  },
  Serving: {
    reason: FailureReason.NO_FREE_ADDRESS,
    what: "ipamd sees nothing wrong",
    remedy: "it is tried again; if it stays so, see the log of tke-eni-ipamd",
  },
};

/** Where pods bring their addresses, what is wrong with one is told of its claim, and nothing is wrong with the node. */
function lacksItsOwn({ namespace, name }: PodName): Cause {
  return {
    reason: FailureReason.NO_FREE_ADDRESS,
    what: "that of the pod's claim has not come",
    remedy: `see \`kubectl -n ${namespace} describe vipc ${name}\`, and where that says nothing, whether tke-eni-ipamd runs`,
  };
}

const UNSAID: Cause = {
  reason: FailureReason.NO_FREE_ADDRESS,
  what: "ipamd has not said why there are no more",
  remedy: "see `kubectl get nec`, and whether tke-eni-ipamd runs",
};

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Why a pod got no address: what ipamd says of the node, beside what the pool is doing. It ends with what to do.
 *
 * @param claimOf the pod, where it waits for the address of its claim
 */
export function failureOf(
  condition: Condition | undefined,
  counts: { inUse: number; coolingDown: number },
  claimOf?: PodName,
): Failure {
  const isWell = condition === undefined || condition.reason === "Serving";
  const { reason, what, remedy } =
    claimOf !== undefined && isWell ? lacksItsOwn(claimOf) : causeOf(condition);
  const state = `no address is free on this node: ${counts.inUse} are in use and ${counts.coolingDown} cool down`;
  const quote = (words: string) => ` (ipamd says: ${words})`;
  const lasts = reason !== FailureReason.ATTACHING && reason !== FailureReason.NO_FREE_ADDRESS;
  return {
    reason,
    message: `${state}; ${what}${condition === undefined ? "" : quote(condition.message)}: ${remedy}`,
    // While addresses are on their way, what ipamd says of them changes from try to try.
    cause: `no address is free on this node; ${what}${lasts && condition ? quote(withoutRequest(condition.message)) : ""}: ${remedy}`,
    lasts,
  };
}

function causeOf(condition: Condition | undefined): Cause {
  if (condition === undefined) return UNSAID;
  // A newer ipamd may have reasons of its own.
  return CAUSES[condition.reason] ?? { ...UNSAID, what: condition.reason };
}
