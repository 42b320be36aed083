/**
 * What a failed call means for the caller.
 *
 * - `throttled`: nothing happened; the account's rate of this call is used up. The same call will work after a pause.
 * - `retry-later`: nothing happened; the same call may work after a pause (another operation on the ENI, a state that passes, an
 *   inner error of the cloud, a connection that could not be made).
 * - `subnet-full`: another subnet may do.
 * - `quota`: a limit of the instance, the ENI or the VPC; no other subnet helps.
 * - `address-taken`: an address that was asked for by name is somebody's; nothing happened. It may be the ENI's own: read, then decide.
 * - `done-already`: what was asked for is so, or its object is gone.
 * - `not-authorised`: the credential is good, and its policy lacks this action; a person must act.
 * - `credential`: the secret or token is wrong, expired, disabled or cannot be read: no call works until it is replaced.
 * - `clock-skew`: the signature's time is too far from the cloud's: no call works until this machine's clock is set right.
 * - `unknown`: no answer; it may or may not have happened. Read before anything is repeated.
 * - `permanent`: the request is wrong and stays wrong.
 */
export type CloudErrorClass =
  | "throttled"
  | "retry-later"
  | "subnet-full"
  | "quota"
  | "address-taken"
  | "done-already"
  | "not-authorised"
  | "credential"
  | "clock-skew"
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
