import { CloudError } from "../cloud-error.ts";

const ACTION = "DetachNetworkInterface";

/** What calls of a cloud in trouble end with. */
export const noAnswer = failure("unknown", "");
export const internalError = failure("retry-later", "InternalError");
export const throttled = failure("throttled", "RequestLimitExceeded");
export const wrongSecret = failure("credential", "AuthFailure.SecretIdNotFound");
export const staleSignature = failure("clock-skew", "AuthFailure.SignatureExpire");
export const denied = failure("not-authorised", "UnauthorizedOperation");
export const quota = failure("quota", "LimitExceeded");

function failure(meaning: CloudError["class"], code: string): CloudError {
  const requestId = code === "" ? "" : "r-1";
  return new CloudError({ class: meaning, action: ACTION, code, message: "as it is told", requestId });
}
