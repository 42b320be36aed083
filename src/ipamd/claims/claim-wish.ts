import { POD_ANNOTATIONS } from "../../api/annotations.ts";
import { parseGoDuration } from "../../api/go-duration.ts";
import { nominatedSubnets } from "../../api/nominated-subnets.ts";
import type { VpcIPClaimSpec } from "../../api/vpc-ip-claim.ts";
import type { Pod } from "../../kube/core-resources.ts";
import type { OwnerReference } from "../../kube/kube-object.ts";

/** Shortest time that a kept address outlives its pod, in seconds, as the claim's schema has it. */
const LEAST_EXPIRY_S = 300;

/** What a pod asks of its claim. */
export interface ClaimWish {
  readonly policy: VpcIPClaimSpec["policy"];
  /** It takes no address but one that is for it, since it keeps that, or said which it may have. */
  readonly ownOnly: boolean;
  /** Subnets of which it may have an address; absent where it names none. */
  readonly subnetIds?: readonly string[];
  /** How long a kept address outlives it; absent where it does not say, or says no such time. */
  readonly expiresAfterSeconds?: number;
  /** What made the pod, by its reference. */
  readonly owner?: OwnerReference;
}

/** @param pod of the API, whole */
export function claimWish({ metadata }: Pick<Pod, "metadata">): ClaimWish {
  const annotations = metadata.annotations ?? {};
  const policy = annotations[POD_ANNOTATIONS.claimDeletePolicy] === "Never" ? "Never" : "Immediate";
  const subnetIds = nominatedSubnets(annotations);
  const expiresAfterMs = parseGoDuration(annotations[POD_ANNOTATIONS.claimExpiredDuration] ?? "") ?? 0;
  const expiresAfterSeconds = Math.floor(expiresAfterMs / 1000);
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return {
    policy,
    ownOnly:
      policy === "Never" ||
      (annotations[POD_ANNOTATIONS.nominatedAddress] ?? "") !== "" ||
      subnetIds.length > 0,
    ...(subnetIds.length > 0 && { subnetIds }),
    ...(expiresAfterSeconds >= LEAST_EXPIRY_S && { expiresAfterSeconds }),
    ...(owner !== undefined && { owner }),
  };
}
