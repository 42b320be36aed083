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
  "ResourceInUse.Address": "address-taken",
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
  // Of MigratePrivateIpAddress, and no matter of policies: the ENI does not have the address, or has it as its primary one.
  "UnauthorizedOperation.AttachmentNotFound": "done-already",
  "UnauthorizedOperation.PrimaryIp": "permanent",
};

/** Codes that mean something else of one action. */
const OF_ACTION: Readonly<Record<string, CloudErrorClass>> = {
  // The only one that is documented of it for an address that somebody has: `ResourceInUse.Address` is that of its IPv6 counterpart.
  "AssignPrivateIpAddresses ResourceInUse": "address-taken",
};

/**
 * @param action that was refused
 * @returns the meaning of a code; `unknown` for an empty one, `permanent` for one that is not in the table.
 */
export function errorClass(code: string, action: string): CloudErrorClass {
  if (code === "") return "unknown";
  const special = OF_ACTION[`${action} ${code}`];
  if (special !== undefined) return special;
  for (let prefix = code; prefix !== ""; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    if (Object.hasOwn(CLASSES, prefix)) return CLASSES[prefix] ?? "permanent";
  }
  return "permanent";
}
