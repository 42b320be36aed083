import type { CloudErrorClass } from "../cloud-error.ts";

/**
 * Codes of the VPC, CVM and tag APIs by what they mean for us: those that every API has, then those of network interfaces and
 * addresses. The longest prefix that matches decides; a prefix ends at a dot.
 */
const CLASSES: Readonly<Record<string, CloudErrorClass>> = {
  RequestLimitExceeded: "throttled",
  "LimitExceeded.ActionLimited": "throttled",

  "AuthFailure.SignatureExpire": "clock-skew",
  AuthFailure: "credential",
  "AuthFailure.UnauthorizedOperation": "not-authorised",
  UnauthorizedOperation: "not-authorised",
  IpInBlacklist: "not-authorised",
  IpNotInWhitelist: "not-authorised",

  InternalError: "retry-later",
  InternalServerError: "retry-later",
  ServiceUnavailable: "retry-later",
  ResourceUnavailable: "retry-later",
  ResourceInUse: "retry-later",
  "UnsupportedOperation.MutexOperationTaskRunning": "retry-later",
  "OperationDenied.MutexTaskRunning": "retry-later",
  "UnsupportedOperation.InvalidState": "retry-later",
  "UnsupportedOperation.ResourceIsInvalidState": "retry-later",
  "UnsupportedOperation.AddressStatusNotPermit": "retry-later",

  ResourceInsufficient: "subnet-full",

  LimitExceeded: "quota",
  AddressQuotaLimitExceeded: "quota",

  ResourceNotFound: "done-already",
  "InvalidParameterValue.NotFound": "done-already",
  "UnsupportedOperation.AttachmentAlreadyExists": "done-already",
  "UnsupportedOperation.AttachmentNotFound": "done-already",
};

/** @returns the meaning of a code; `unknown` for an empty one, `permanent` for one that is not in the table. */
export function errorClass(code: string): CloudErrorClass {
  if (code === "") return "unknown";
  for (let prefix = code; prefix !== ""; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    if (Object.hasOwn(CLASSES, prefix)) return CLASSES[prefix] ?? "permanent";
  }
  return "permanent";
}
