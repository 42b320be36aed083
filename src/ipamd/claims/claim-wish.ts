import { type PodWishes, podWishes } from "../../api/pod-wishes.ts";
import { takesOwnOnly } from "../../api/takes-own-only.ts";
import type { Pod } from "../../kube/core-resources.ts";
import type { OwnerReference } from "../../kube/kube-object.ts";

/** What a pod asks of its claim. What is wrong in its annotations is left out: the extender refuses such a pod, where it is asked. */
export interface ClaimWish {
  readonly policy: PodWishes["policy"];
  /** It takes no address but one that is for it, since it keeps that, or said which it may have. */
  readonly ownOnly: boolean;
  /** The address that it names. */
  readonly address?: string;
  /** Subnets of which it may have an address; absent where it names none. */
  readonly subnetIds?: readonly string[];
  /** How long a kept address outlives it; absent where it does not say. */
  readonly expiresAfterSeconds?: number;
  /** What made the pod, by its reference. */
  readonly owner?: OwnerReference;
}

/** @param pod of the API, whole */
export function claimWish({ metadata }: Pick<Pod, "metadata">): ClaimWish {
  const { annotations = {} } = metadata;
  const { policy, expiresAfterSeconds, nominated, address, mistake } = podWishes(annotations);
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return {
    policy,
    ownOnly: takesOwnOnly((key) => annotations[key]),
    ...(address !== undefined && mistake === undefined && { address }),
    ...(nominated.length > 0 && { subnetIds: nominated }),
    ...(expiresAfterSeconds !== undefined && mistake === undefined && { expiresAfterSeconds }),
    ...(owner !== undefined && { owner }),
  };
}
