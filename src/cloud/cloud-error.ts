/**
 * What a failed call means for the caller.
 *
 * - `retry-later`: nothing happened; the same call may work after a pause (throttled, another operation on the ENI, inner error).
 * - `subnet-full`: another subnet may do.
 * - `quota`: a limit of the instance, the ENI or the VPC; no other subnet helps.
 * - `done-already`: what was asked for is so, or its object is gone.
 * - `not-authorised`: credentials or permissions; a person must act.
 * - `unknown`: no answer; it may or may not have happened. Read before anything is repeated.
 * - `permanent`: the request is wrong and stays wrong.
 */
export type CloudErrorClass =
  | "retry-later"
  | "subnet-full"
  | "quota"
  | "done-already"
  | "not-authorised"
  | "unknown"
  | "permanent";

/** A call to the cloud that failed. */
export class CloudError extends Error {
  override readonly name = "CloudError";
  readonly class: CloudErrorClass;
  readonly action: string;
  /** The cloud's own code; empty when there was no answer. */
  readonly code: string;
  readonly requestId: string;

  constructor(failure: {
    class: CloudErrorClass;
    action: string;
    code: string;
    message: string;
    requestId: string;
  }) {
    super(`${failure.action}: ${failure.code || "no answer"}: ${failure.message}`);
    this.class = failure.class;
    this.action = failure.action;
    this.code = failure.code;
    this.requestId = failure.requestId;
  }
}
