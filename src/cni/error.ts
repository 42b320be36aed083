/** Error codes of the CNI specification ("Error"), and from 100 on those of these plugins. */
export const CODES = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  invalidConfiguration: 7,
  /** Something that passes by itself: the runtime should try again. */
  tryAgainLater: 11,
  /** Of STATUS: no ADD can be served. */
  notAvailable: 50,
  /** The agent refused, or answered what makes no sense. */
  agentFailure: 100,
  /** The kernel refused. */
  kernelFailure: 101,
  /** Of CHECK: the attachment is not what it should be. */
  differs: 102,
  /** A plugin that this one delegates to broke the protocol. */
  delegateFailure: 103,
  /** A defect of the plugin. */
  internal: 199,
} as const;

/** What a plugin prints when it fails. The message names the value at fault and the next step. */
export class CniError extends Error {
  override readonly name = "CniError";
  /** One of CODES, or the code of a plugin that this one delegates to. */
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, { details }: { readonly details?: string | undefined } = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The JSON of a failure, in the version of the caller's configuration. */
export function encodeError(error: CniError, cniVersion: string): string {
  const { code, message, details } = error;
  return JSON.stringify({ cniVersion, code, msg: message, ...(details === undefined ? {} : { details }) });
}
