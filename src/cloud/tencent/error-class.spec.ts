import { expect, test } from "bun:test";
import { errorClass } from "./error-class.ts";

test.each([
  ["", "unknown"],
  ["RequestLimitExceeded", "throttled"],
  ["RequestLimitExceeded.UinLimitExceeded", "throttled"],
  ["RequestLimitExceeded.GlobalRegionUinLimitExceeded", "throttled"],
  ["LimitExceeded.ActionLimited", "throttled"],
  ["LimitExceeded", "quota"],
  ["LimitExceeded.NetworkInterface", "quota"],
  ["LimitExceeded.InstanceAddressQuota", "quota"],
  ["AddressQuotaLimitExceeded", "quota"],
  ["AddressQuotaLimitExceeded.DailyAllocate", "quota"],
  ["ResourceInsufficient", "subnet-full"],
  ["ResourceInsufficient.Subnet", "subnet-full"],
  ["UnsupportedOperation.MutexOperationTaskRunning", "retry-later"],
  ["OperationDenied.MutexTaskRunning", "retry-later"],
  ["UnsupportedOperation.InvalidState", "retry-later"],
  ["UnsupportedOperation.ResourceIsInvalidState", "retry-later"],
  ["UnsupportedOperation.AddressStatusNotPermit", "retry-later"],
  ["ResourceInUse", "retry-later"],
  ["ResourceInUse.Address", "address-taken"],
  ["ResourceUnavailable", "retry-later"],
  ["InternalError", "retry-later"],
  ["InternalError.ModuleError", "retry-later"],
  ["InternalServerError", "retry-later"],
  ["ServiceUnavailable", "retry-later"],
  ["ResourceNotFound", "done-already"],
  ["InvalidParameterValue.NotFound", "done-already"],
  ["UnsupportedOperation.AttachmentAlreadyExists", "done-already"],
  ["UnsupportedOperation.AttachmentNotFound", "done-already"],
  ["AuthFailure", "credential"],
  ["AuthFailure.SignatureFailure", "credential"],
  ["AuthFailure.SecretIdNotFound", "credential"],
  ["AuthFailure.InvalidSecretId", "credential"],
  ["AuthFailure.InvalidAuthorization", "credential"],
  ["AuthFailure.MFAFailure", "credential"],
  ["AuthFailure.TokenFailure", "credential"],
  ["AuthFailure.SignatureExpire", "clock-skew"],
  ["AuthFailure.UnauthorizedOperation", "not-authorised"],
  ["UnauthorizedOperation", "not-authorised"],
  ["UnauthorizedOperation.CamNoAuth", "not-authorised"],
  ["UnauthorizedOperation.AttachmentNotFound", "done-already"],
  ["UnauthorizedOperation.PrimaryIp", "permanent"],
  ["IpInBlacklist", "not-authorised"],
  ["IpNotInWhitelist", "not-authorised"],
  ["UnsupportedOperation", "permanent"],
  ["UnsupportedOperation.UnsupportedInstanceFamily", "permanent"],
  ["UnsupportedOperation.VpcMismatch", "permanent"],
  ["UnsupportedOperation.ZoneMismatch", "permanent"],
  ["UnsupportedOperation.ResourceMismatch", "permanent"],
  ["UnsupportedOperation.PrimaryIp", "permanent"],
  ["UnsupportedOperation.SubEniNotSupportTrunking", "permanent"],
  ["OperationDenied.AddressInArrears", "permanent"],
  // It may be another EIP than the one that was to be bound.
  ["InvalidPrivateIpAddress.AlreadyBindEip", "permanent"],
  ["InvalidParameterValue.Range", "permanent"],
  ["InternalErrorish", "permanent"],
  ["constructor", "permanent"],
] as const)("errorClass(%p) is %p", (code, meaning) => {
  expect(errorClass(code, "DeleteNetworkInterface")).toBe(meaning);
});

test("errorClass() tells an address that somebody has from an ENI that is busy, by the action", () => {
  expect(errorClass("ResourceInUse", "AssignPrivateIpAddresses")).toBe("address-taken");
  expect(errorClass("ResourceInUse", "DeleteNetworkInterface")).toBe("retry-later");
  expect(errorClass("ResourceInUse", "constructor")).toBe("retry-later");
  expect(errorClass("LimitExceeded", "AssignPrivateIpAddresses")).toBe("quota");
  expect(errorClass("constructor", "AssignPrivateIpAddresses")).toBe("permanent");
});
