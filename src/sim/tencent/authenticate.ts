import { timingSafeEqual } from "node:crypto";
import { CloudError } from "../vpc/cloud-error.ts";
import { dateOf, tc3Signature } from "./sign.ts";

/** How far a request's clock may be off, in seconds ("Signature v3"). */
const signatureLife = 300;

export interface IncomingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Who signed a request, and for which service. */
export interface Caller {
  readonly secretId: string;
  readonly service: string;
}

/**
 * Checks the signature of a request.
 *
 * @param options.secrets secret key by secret id
 * @param options.now milliseconds since the epoch
 * @throws CloudError AuthFailure.SignatureExpire, AuthFailure.SecretIdNotFound, AuthFailure.SignatureFailure, and
 *   MissingParameter for headers that are not there
 */
export function authenticate(
  request: IncomingRequest,
  options: { secrets: ReadonlyMap<string, string>; now: number },
): Caller {
  const timestamp = Number(requiredHeader(request.headers, "X-TC-Timestamp"));
  if (!(Math.abs(options.now / 1000 - timestamp) <= signatureLife)) {
    throw new CloudError(
      "AuthFailure.SignatureExpire",
      `The signature is of ${timestamp}; the server's time is ${Math.floor(options.now / 1000)}. They may differ by ${signatureLife} s.`,
    );
  }
  const { secretId, date, service, signedHeaders, signature } = parseAuthorization(
    requiredHeader(request.headers, "Authorization"),
  );
  const secretKey = options.secrets.get(secretId);
  if (secretKey === undefined) {
    throw new CloudError("AuthFailure.SecretIdNotFound", `The SecretId "${secretId}" is not found.`);
  }
  for (const name of ["content-type", "host"]) {
    if (!signedHeaders.includes(name)) {
      throw new CloudError("AuthFailure.SignatureFailure", `The header ${name} is not signed.`);
    }
  }
  const url = new URL(request.url);
  const host = request.headers.get("Host") ?? url.host;
  // The cloud's own hosts have no port. SDKs that are given one sign the name alone and send both.
  const hosts = [host, host.replace(/:\d+$/, "")];
  const isRight = hosts.some((signedHost) => {
    const headers = signedHeaders.map(
      (name) => [name, name === "host" ? signedHost : (request.headers.get(name) ?? "")] as const,
    );
    const expected = tc3Signature(
      {
        method: request.method,
        path: url.pathname,
        query: url.search.slice(1),
        headers,
        body: request.body,
        timestamp,
        service,
      },
      secretKey,
    );
    return isSame(expected, signature);
  });
  if (date !== dateOf(timestamp) || !isRight) {
    throw new CloudError(
      "AuthFailure.SignatureFailure",
      "The provided credentials could not be validated: the key is wrong, or the request was changed after it was signed.",
    );
  }
  return { secretId, service };
}

/**
 * The value of a header that has to be there.
 *
 * @throws CloudError MissingParameter
 */
export function requiredHeader(headers: Headers, name: string): string {
  const value = headers.get(name);
  if (value === null || value === "") {
    throw new CloudError("MissingParameter", `The request is missing the header ${name}.`);
  }
  return value;
}

function parseAuthorization(header: string) {
  const match =
    /^TC3-HMAC-SHA256 Credential=([^/,]+)\/(\d{4}-\d\d-\d\d)\/([^/,]+)\/tc3_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  const [, secretId, date, service, signedHeaders, signature] = match ?? [];
  if (!secretId || !date || !service || !signedHeaders || !signature) {
    throw new CloudError(
      "AuthFailure.SignatureFailure",
      "The header Authorization is not of the form TC3-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….",
    );
  }
  return { secretId, date, service, signedHeaders: signedHeaders.split(";"), signature };
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
