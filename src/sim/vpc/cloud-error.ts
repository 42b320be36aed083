/**
 * A request that the cloud refuses: Tencent Cloud's code (reference: the error codes on each action's page of the VPC API
 * documentation) and a sentence. An act that throws it has changed nothing.
 */
export class CloudError extends Error {
  override readonly name = "CloudError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
