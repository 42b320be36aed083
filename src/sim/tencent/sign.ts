import { createHash, createHmac } from "node:crypto";

/** What is signed in the scheme TC3-HMAC-SHA256. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** As it stands in the URL, without the question mark. */
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  /** The scope's second part. */
  readonly service: string;
}

/**
 * The signature of a request, in hexadecimal: "Signature v3" of the API's documentation.
 *
 * @param request with the headers in the order in which they are signed
 */
export function tc3Signature(request: SignedRequest, secretKey: string): string {
  const date = dateOf(request.timestamp);
  const canonicalRequest = [
    request.method,
    request.path,
    request.query,
    ...request.headers.map(([name, value]) => `${name.toLowerCase()}:${value.trim().toLowerCase()}`),
    "",
    request.headers.map(([name]) => name.toLowerCase()).join(";"),
    sha256(request.body),
  ].join("\n");
  const scope = `${date}/${request.service}/tc3_request`;
  const text = ["TC3-HMAC-SHA256", request.timestamp, scope, sha256(canonicalRequest)].join("\n");
  const key = hmac(hmac(hmac(`TC3${secretKey}`, date), request.service), "tc3_request");
  return createHmac("sha256", key).update(text).digest("hex");
}

/** The UTC date of a time in seconds, `2026-01-31`. */
export function dateOf(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().slice(0, 10);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
