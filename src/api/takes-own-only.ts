import { POD_ANNOTATIONS } from "./annotations.ts";
import { commaSeparated } from "./comma-separated.ts";

/**
 * Whether a pod takes no address but one that is for it, since it keeps that under its name, or says which it may have. Plugin and ipamd
 * must agree on it: a pod that waits for its own has to get one.
 *
 * @param annotationOf a pod's annotation by its key
 */
export function takesOwnOnly(annotationOf: (key: string) => string | undefined): boolean {
  return (
    annotationOf(POD_ANNOTATIONS.claimDeletePolicy) === "Never" ||
    (annotationOf(POD_ANNOTATIONS.nominatedAddress) ?? "") !== "" ||
    commaSeparated(annotationOf(POD_ANNOTATIONS.nominatedSubnets) ?? "").length > 0
  );
}
