import type { Condition } from "../../api/condition.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { VpcIPClaim, VpcIPClaimStatus } from "../../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { ClaimWait } from "./claim-world.ts";

export interface JudgedPod {
  uid: string;
  /** The node that it is bound to. */
  node: string | undefined;
}

export interface ClaimFacts {
  claim: VpcIPClaim;
  /** The pod of the name, unless it has ended; undefined: a quorum read has found none, or it has ended. */
  pod: JudgedPod | undefined;
  /** Object of its address. */
  vip: VpcIP | undefined;
  /** Whether a pod of that node can have it: not where it is on an ENI of a former machine of that name, or of one that goes. */
  isUsable: boolean;
  /** Why the address is not where the pod is. */
  wait: ClaimWait | undefined;
  /** How long a kept address outlives its pod where the pod did not say, ms; undefined: for good. */
  expiresAfterMs: number | undefined;
  /** Wall clock, ms. */
  now: number;
}

/** What is to be written of a claim, and done about it. */
export interface ClaimVerdict {
  status: VpcIPClaimStatus;
  /** `release`: ask for its end; `finish`: let its address go, and it; `none`: as it is. */
  act: "none" | "release" | "finish";
  /** When something is due although nothing changes, ms from now. */
  dueInMs?: number;
}

/** The life of a claim: a function of what is known of it, its pod and its address. */
export function judgeClaim(facts: ClaimFacts): ClaimVerdict {
  const { claim, pod } = facts;
  if (claim.metadata.deletionTimestamp !== undefined) return leaving(facts);
  if (pod !== undefined) return wanted(facts, pod);
  return claim.spec.policy === "Never" ? kept(facts) : { status: { state: "Releasing" }, act: "release" };
}

function wanted({ claim, vip, isUsable, wait, now }: ClaimFacts, pod: JudgedPod): ClaimVerdict {
  const before = claim.status?.conditions;
  const { node } = pod;
  const isHere = node !== undefined && vip?.spec.node === node && isUsable;
  const isThere = isHere && vip.status?.cloud?.state === "Assigned";
  const message = vip && `${addressOfVpcIp(vip.metadata.name)} is on ${vip.spec.eniID} of ${vip.spec.node}`;
  // A pod that keeps nothing has still to show which address it was given.
  if (isThere && message !== undefined && claim.spec.address !== undefined) {
    const bound = condition("Bound", { status: "True", reason: "Assigned", message }, { before, now });
    return { status: { state: "Bound", node, podUID: pod.uid, conditions: [bound] }, act: "none" };
  }
  const why =
    node === undefined
      ? { reason: "PodNotScheduled", message: "its pod is on no node yet" }
      : isThere
        ? { reason: "Offered", message: `${message}, and the pod has not been given it yet` }
        : (wait ?? { reason: "Assigning", message: `its address is on its way to ${node}` });
  const bound = condition("Bound", { status: "False", ...why }, { before, now });
  return {
    status: { state: "Pending", ...(vip && { node: vip.spec.node }), podUID: pod.uid, conditions: [bound] },
    act: "none",
  };
}

/**
 * When a claim goes that is kept, wall clock, ms: what it says itself counts at once also when that is changed, and of the cluster's setting what that was when its pod
 * went, so that nobody loses thousands of addresses by a flag.
 *
 * @returns undefined where it is kept for good, or not kept
 */
export function expiryOf({ spec, status }: VpcIPClaim): number | undefined {
  if (status?.state !== "Kept" || status.keptSince === undefined) return undefined;
  const seconds = spec.expiresAfterSeconds ?? status.defaultExpiresAfterSeconds;
  return seconds === undefined ? undefined : Date.parse(status.keptSince) + seconds * 1000;
}

function kept({ claim, vip, wait, expiresAfterMs, now }: ClaimFacts): ClaimVerdict {
  const { status: before } = claim;
  const began =
    before?.state === "Kept" && before.keptSince !== undefined
      ? before
      : {
          keptSince: new Date(now).toISOString(),
          ...(expiresAfterMs !== undefined && {
            defaultExpiresAfterSeconds: Math.ceil(expiresAfterMs / 1000),
          }),
        };
  const { keptSince, defaultExpiresAfterSeconds } = began;
  const stay = {
    state: "Kept",
    keptSince,
    ...(defaultExpiresAfterSeconds !== undefined && { defaultExpiresAfterSeconds }),
  } as const;
  const expiry = expiryOf({ ...claim, status: stay });
  const leftMs = expiry === undefined ? undefined : expiry - now;
  // What people find out before there is a pod need not be found out by it.
  const isWrong = wait?.reason === "InvalidClaim" || wait?.reason === "AddressOfAnother";
  const why = isWrong ? wait : { reason: "Kept", message: "it waits for the next pod of its name" };
  const status: VpcIPClaimStatus = {
    ...stay,
    ...(vip && { node: vip.spec.node }),
    ...(expiry !== undefined && { expiresAt: new Date(expiry).toISOString() }),
    conditions: [condition("Bound", { status: "False", ...why }, { before: before?.conditions, now })],
  };
  if (leftMs !== undefined && leftMs <= 0) return { status, act: "release" };
  return { status, act: "none", ...(leftMs !== undefined && { dueInMs: leftMs }) };
}

/**
 * While its pod has the address a claim stays. Then it goes at once: its address is nobody's, and goes back to the VPC as soon as its agent agrees,
 * which must not keep the next pod of the name waiting.
 */
function leaving({ claim, pod, vip, now }: ClaimFacts): ClaimVerdict {
  if (pod?.node === undefined || vip?.spec.node !== pod.node) {
    return { status: claim.status ?? {}, act: "finish" };
  }
  const { namespace, name } = claim.metadata;
  const message = `pod ${namespace}/${name} has the address on ${pod.node}: delete the pod, and the address goes back`;
  const released = condition(
    "Released",
    { status: "False", reason: "PodLives", message },
    { before: claim.status?.conditions, now },
  );
  return {
    status: { state: "Releasing", node: pod.node, podUID: pod.uid, conditions: [released] },
    act: "none",
  };
}

/** The condition to be written; its date moves only when its status does. */
function condition(
  type: "Bound" | "Released",
  said: Pick<Condition, "status" | "reason" | "message">,
  { before, now }: { before: readonly Condition[] | undefined; now: number },
): Condition {
  const last = before?.find((it) => it.type === type);
  return {
    type,
    ...said,
    lastTransitionTime: last?.status === said.status ? last.lastTransitionTime : new Date(now).toISOString(),
  };
}
