import { expect, test } from "bun:test";
import { CloudError } from "../cloud-error.ts";
import { outcomeOf } from "./outcome.ts";

test.each([
  ["throttled", "RequestLimitExceeded", "r-1", "throttled"],
  ["credential", "AuthFailure.SecretIdNotFound", "r-1", "rejected"],
  ["credential", "", "", "rejected"],
  ["clock-skew", "AuthFailure.SignatureExpire", "r-1", "rejected"],
  ["unknown", "", "", "failing"],
  ["retry-later", "", "", "failing"],
  ["retry-later", "InternalError.ModuleError", "r-1", "failing"],
  ["retry-later", "InternalServerError", "", "failing"],
  ["unknown", "", "r-1", "refused"],
  ["retry-later", "UnsupportedOperation.MutexOperationTaskRunning", "r-1", "refused"],
  ["quota", "LimitExceeded", "", "refused"],
  ["permanent", "InternalErrorish", "r-1", "refused"],
  ["retry-later", "NotLeader", "", "unsent"],
] as const)(
  "outcomeOf() an error of class %p, code %p and request %p is %p",
  (meaning, code, requestId, kind) => {
    const error = new CloudError({ class: meaning, action: "A", code, message: "", requestId });
    expect(outcomeOf(error).kind).toBe(kind);
  },
);

test("outcomeOf() draws no conclusion about the cloud from an error that is not the cloud's", () => {
  expect(outcomeOf(new TypeError("undefined is not a function"))).toEqual({ kind: "unsent" });
});
