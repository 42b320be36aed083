import type { CloudError } from "../cloud-error.ts";
import type { Admission } from "./admission.ts";
import { type CloudAction, RATES } from "./rates.ts";

/** How the way to the cloud is, the worst of what holds. */
export interface CloudHealth {
  state: "well" | "throttled" | "region-down" | "credential-rejected" | "clock-skew" | "not-authorised";
  /** Since when, wall clock ms. */
  since: number;
  /** One sentence for a person: what is the matter, and what to do. */
  message: string;
}

/** @param denied actions that the credential's policy lacks, with what the cloud said */
export function diagnose(
  admission: Admission,
  { denied, now }: { denied: ReadonlyMap<CloudAction, CloudError>; now: number },
): Omit<CloudHealth, "since"> {
  const rejection = admission.credential.cause();
  if (rejection !== undefined) {
    return rejection.class === "clock-skew"
      ? { state: "clock-skew", message: clockSkew(rejection) }
      : { state: "credential-rejected", message: credentialRejected(rejection) };
  }
  for (const [product, breaker] of admission.breakers) {
    const cause = breaker.cause();
    if (cause !== undefined) return { state: "region-down", message: regionDown(product, cause) };
  }
  for (const [action, error] of denied) {
    return { state: "not-authorised", message: notAuthorised(action, error) };
  }
  const throttled = [...admission.windows]
    .filter(([, window]) => window.wholeAt(now) !== undefined)
    .map(([action]) => action);
  return throttled.length > 0
    ? { state: "throttled", message: throttling(throttled) }
    : { state: "well", message: "the cloud answers" };
}

function credentialRejected(error: CloudError): string {
  return `the cloud's credential is not accepted (${error.message}): put a valid one in its place; it is tried again every 10 s, and at once when it changes`;
}

function clockSkew(error: CloudError): string {
  return `the cloud refuses requests for their date (${error.message}): set the clock of the machine that ipamd runs on, and keep it set by NTP`;
}

function regionDown(product: string, error: CloudError): string {
  return `the cloud's ${product} API does not answer (${error.message}): check the way to it from the machine that ipamd runs on, and the cloud's status page; nothing is sent meanwhile but a probe every 30 s or more often`;
}

function notAuthorised(action: CloudAction, error: CloudError): string {
  return `the cloud's credential may not do ${RATES[action].product}:${action} (${error.message}): add the action to the policy of its user or role`;
}

function throttling(actions: readonly CloudAction[]): string {
  return `the cloud throttles ${actions.join(" and ")} though the limits are kept: something else uses up the account's rate in this region; find it, or have the rate raised`;
}
