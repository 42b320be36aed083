import { CloudError } from "../vpc/cloud-error.ts";
import type { Time } from "../vpc/state.ts";

/** How far a request's clock may be off, in seconds ("Signature v3"). */
const signatureLife = 300;

/** What somebody may call the API with. */
export interface Credential {
  readonly secretId: string;
  readonly secretKey: string;
  /** Of a temporary one: to be sent along with each request. */
  readonly token?: string | undefined;
  /** When a temporary one ends, milliseconds since the epoch. */
  readonly expiresAt?: Time | undefined;
}

/** Who makes a call, and what shows it. */
export interface Caller {
  readonly secretId: string;
  readonly token?: string | undefined;
  /** When the caller signed, by its own clock, milliseconds since the epoch. Absent: its clock is the cloud's. */
  readonly signedAt?: Time | undefined;
  /** Whether the request was signed with that key. */
  isSignedWith(secretKey: string): boolean;
}

/** A caller within this process, where nothing has to be signed. */
export function callerOf(credential: {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string | undefined;
  readonly signedAt?: Time | undefined;
}): Caller {
  const { secretKey, ...rest } = credential;
  return { ...rest, isSignedWith: (key) => key === secretKey };
}

/**
 * Refuses a caller who is not who he says.
 *
 * @param options.now by the cloud's clock, milliseconds since the epoch
 * @throws CloudError AuthFailure.SignatureExpire, AuthFailure.SecretIdNotFound, AuthFailure.SignatureFailure,
 *   AuthFailure.TokenFailure ("Common error codes" of API 3.0)
 */
export function checkCaller(
  caller: Caller,
  options: { credentials: ReadonlyMap<string, Credential>; now: Time },
): void {
  const { signedAt = options.now } = caller;
  const [server, client] = [Math.floor(options.now / 1000), Math.floor(signedAt / 1000)];
  if (!(Math.abs(options.now - signedAt) <= signatureLife * 1000)) {
    throw new CloudError(
      "AuthFailure.SignatureExpire",
      `Signature expired: the request was signed at ${client}, the time of the server is ${server}. They may differ by ${signatureLife} seconds.`,
    );
  }
  const credential = options.credentials.get(caller.secretId);
  if (credential === undefined) {
    throw new CloudError(
      "AuthFailure.SecretIdNotFound",
      `The SecretId "${caller.secretId}" is not found, please ensure that your SecretId is correct.`,
    );
  }
  if (!caller.isSignedWith(credential.secretKey)) {
    throw new CloudError(
      "AuthFailure.SignatureFailure",
      "The provided credentials could not be validated. Please check your signature is correct.",
    );
  }
  if ((caller.token ?? "") !== (credential.token ?? "")) {
    throw new CloudError(
      "AuthFailure.TokenFailure",
      `The token of the temporary credential "${caller.secretId}" is not valid.`,
    );
  }
  if (credential.expiresAt !== undefined && credential.expiresAt <= options.now) {
    throw new CloudError(
      "AuthFailure.TokenFailure",
      `The token of the temporary credential "${caller.secretId}" has expired at ${Math.floor(credential.expiresAt / 1000)}.`,
    );
  }
}
