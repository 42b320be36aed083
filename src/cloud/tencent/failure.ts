import { CloudError } from "../cloud-error.ts";
import { errorClass } from "./error-class.ts";

/** What the runtime's fetch says when no connection was made: the SDK keeps nothing of such an error but its message. */
const NEVER_SENT = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)\b/;

/**
 * What a call that the SDK made ended with. Without an answer of the cloud it is `retry-later` when there was no connection to
 * send it on, and else `unknown`: the request may have been received.
 *
 * @param cause a TencentCloudSDKHttpException, or an error of `fetch`
 */
export function sdkFailure(action: string, cause: unknown): CloudError {
  const failure = cause as { code?: string; requestId?: string; message?: string };
  const message = readable(failure.message ?? String(cause));
  const code = typeof failure.code === "string" && failure.requestId ? failure.code : "";
  const neverSent = code === "" && NEVER_SENT.test(message);
  return new CloudError({
    class: neverSent ? "retry-later" : errorClass(code, action),
    action,
    code,
    message: neverSent ? `not sent: ${message}` : message,
    requestId: failure.requestId ?? "",
  });
}

/** Without the request's id, which some refusals carry in their text too: equal refusals are to have equal texts. On one line. */
function readable(message: string): string {
  return message
    .replaceAll(/\[request id:[^\]]*\]/gi, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** A call that was not sent because the credential to sign it with could not be read. */
export function credentialFailure(action: string, cause: unknown): CloudError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CloudError({
    class: "credential",
    action,
    code: "",
    message: `not sent: ${reason}`,
    requestId: "",
  });
}
