import { expect, test } from "bun:test";
import { errorClass } from "./error-class.ts";

test.each([
  ["", "unknown"],
  ["RequestLimitExceeded", "retry-later"],
  ["RequestLimitExceeded.UinLimitExceeded", "retry-later"],
  ["LimitExceeded", "quota"],
  ["LimitExceeded.ActionLimited", "retry-later"],
  ["LimitExceeded.NetworkInterface", "quota"],
  ["ResourceInsufficient.Subnet", "subnet-full"],
  ["ResourceNotFound", "done-already"],
  ["UnsupportedOperation.AttachmentNotFound", "done-already"],
  ["UnsupportedOperation.ZoneMismatch", "permanent"],
  ["AuthFailure.SignatureFailure", "not-authorised"],
  ["InternalError.ModuleError", "retry-later"],
  ["InternalErrorish", "permanent"],
] as const)("errorClass(%p) is %p", (code, meaning) => {
  expect(errorClass(code)).toBe(meaning);
});
