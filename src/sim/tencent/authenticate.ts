import { timingSafeEqual } from "node:crypto";
import type { Caller } from "../admission/credential.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import { dateOf, tc3Signature } from "./sign.ts";

export interface IncomingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Who says that he signed a request, and for which service. */
export interface SignedCaller extends Caller {
  readonly service: string;
  readonly signedAt: number;
}

/**
 * Reads the signature of a request (TC3-HMAC-SHA256). Whether it is right is for who knows the caller's key to say.
 *
 * @throws CloudError MissingParameter for headers that are not there; AuthFailure.InvalidAuthorization for a header
 *   Authorization of another form
 */
export function readSignature(request: IncomingRequest): SignedCaller {
  const timestamp = Number(requiredHeader(request.headers, "X-TC-Timestamp"));
  const { secretId, date, service, signedHeaders, signature } = parseAuthorization(
    requiredHeader(request.headers, "Authorization"),
  );
  const token = request.headers.get("X-TC-Token") ?? "";
  const url = new URL(request.url);
  const host = request.headers.get("Host") ?? url.host;
  // The cloud's own hosts have no port. SDKs that are given one sign the name alone and send both.
  const hosts = [host, host.replace(/:\d+$/, "")];
  const isSignedWith = (secretKey: string) =>
    date === dateOf(timestamp) &&
    hosts.some((signedHost) => {
      const headers = signedHeaders.map(
        (name) => [name, name === "host" ? signedHost : (request.headers.get(name) ?? "")] as const,
      );
      const { method, body } = request;
      const parts = { method, path: url.pathname, query: url.search.slice(1), headers, body };
      return isSame(tc3Signature({ ...parts, timestamp, service }, secretKey), signature);
    });
  return { secretId, service, signedAt: timestamp * 1000, isSignedWith, ...(token === "" ? {} : { token }) };
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
      "AuthFailure.InvalidAuthorization",
      "The request `Authorization` header does not conform to tencentcloud standards: TC3-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….",
    );
  }
  const names = signedHeaders.split(";");
  for (const name of ["content-type", "host"]) {
    if (!names.includes(name)) {
      throw new CloudError(
        "AuthFailure.InvalidAuthorization",
        `The request \`Authorization\` header does not conform to tencentcloud standards: SignedHeaders does not name ${name}.`,
      );
    }
  }
  return { secretId, date, service, signedHeaders: names, signature };
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
