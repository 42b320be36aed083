import { CloudError } from "../cloud-error.ts";

/**
 * What the end of a call says about the way to the cloud.
 *
 * - `success`, `refused`: the cloud answered, and neither its rate nor the credential was the reason.
 * - `throttled`: somebody uses up the account's rate of that action.
 * - `rejected`: the credential or the time of the signature is not accepted; holds for every call.
 * - `failing`: no answer, or an inner error of the cloud.
 * - `unsent`: it never left this process, and so says nothing.
 */
export type Outcome =
  | { kind: "success" }
  | { kind: "refused" | "throttled" | "rejected" | "failing"; error: CloudError }
  | { kind: "unsent" };

/** @param error what the call rejected with */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof CloudError)) return { kind: "unsent" };
  switch (error.class) {
    case "throttled":
      return { kind: "throttled", error };
    case "credential":
    case "clock-skew":
      return { kind: "rejected", error };
    default:
  }
  const answered = error.requestId !== "" || error.code !== "";
  if (!answered || /^(Internal(Server)?Error|ServiceUnavailable)(\.|$)/.test(error.code)) {
    return { kind: "failing", error };
  }
  // A code, but no answer of the cloud: something of ours forbade the call.
  if (error.class === "retry-later" && error.requestId === "") return { kind: "unsent" };
  return { kind: "refused", error };
}
