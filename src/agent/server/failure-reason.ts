import type { Condition } from "../../api/condition.ts";
import { FailureReason } from "../../gen/tke/eni/agent/v1/address_pb.ts";

/** Reasons of the condition `Ready` of a NodeENIConfig, as ipamd writes them. */
const REASONS: Readonly<Record<string, FailureReason>> = {
  Attaching: FailureReason.ATTACHING,
  NoSubnetInZone: FailureReason.NO_SUBNET_IN_ZONE,
  SubnetFull: FailureReason.SUBNET_FULL,
  QuotaReached: FailureReason.QUOTA,
  Throttled: FailureReason.THROTTLED,
  NotAuthorised: FailureReason.NOT_AUTHORISED,
};

/** Why a pod got no address: what ipamd says of the node, beside what the pool is doing. */
export function failureOf(
  condition: Condition | undefined,
  counts: { inUse: number; coolingDown: number },
): { reason: FailureReason; message: string } {
  const state = `no address is free on this node: ${counts.inUse} are in use and ${counts.coolingDown} cool down`;
  const reason = condition && REASONS[condition.reason];
  if (reason === undefined) {
    return {
      reason: FailureReason.NO_FREE_ADDRESS,
      message: `${state}; ipamd has not said why there are no more: see \`kubectl get nec\``,
    };
  }
  return { reason, message: `${state}; ipamd says: ${condition?.message}` };
}
