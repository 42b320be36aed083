import type { CloudErrorClass } from "../cloud-error.ts";

/** Codes of the VPC and CVM APIs (2017-03-12) by what they mean for us. The longest prefix that matches decides. */
const CLASSES: ReadonlyArray<readonly [code: string, meaning: CloudErrorClass]> = [
  ["RequestLimitExceeded", "retry-later"],
  ["LimitExceeded.ActionLimited", "retry-later"],
  ["UnsupportedOperation.MutexOperationTaskRunning", "retry-later"],
  ["OperationDenied.MutexTaskRunning", "retry-later"],
  ["UnsupportedOperation.InvalidState", "retry-later"],
  ["UnsupportedOperation.ResourceIsInvalidState", "retry-later"],
  ["ResourceInUse", "retry-later"],
  ["InternalError", "retry-later"],
  ["InternalServerError", "retry-later"],
  ["ResourceUnavailable", "retry-later"],
  ["ResourceInsufficient", "subnet-full"],
  ["LimitExceeded", "quota"],
  ["ResourceNotFound", "done-already"],
  ["InvalidParameterValue.NotFound", "done-already"],
  ["UnsupportedOperation.AttachmentAlreadyExists", "done-already"],
  ["UnsupportedOperation.AttachmentNotFound", "done-already"],
  ["AuthFailure", "not-authorised"],
  ["UnauthorizedOperation", "not-authorised"],
];

/** @returns the meaning of a code; `unknown` for an empty one, `permanent` for one that is not in the table. */
export function errorClass(code: string): CloudErrorClass {
  if (code === "") return "unknown";
  const matching = CLASSES.filter(([prefix]) => code === prefix || code.startsWith(`${prefix}.`));
  matching.sort(([a], [b]) => b.length - a.length);
  return matching[0]?.[1] ?? "permanent";
}
