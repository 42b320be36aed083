import { describe, expect, it } from "bun:test";
import { checkCaller } from "../admission/credential.ts";
import { type IncomingRequest, readSignature } from "./authenticate.ts";
import { dateOf, tc3Signature } from "./sign.ts";

const credentials = new Map([["AKIDone", { secretId: "AKIDone", secretKey: "key-one" }]]);
const timestamp = 1_800_000_000;
const signedAt = { credentials, now: timestamp * 1000 };

interface Signing {
  readonly secretId: string;
  readonly secretKey: string;
  readonly date: string;
  readonly host: string;
  readonly headers: readonly string[];
}

/** A request as a caller signs it; what is changed is changed before it signs. */
function signed(changes: Partial<Signing> = {}): IncomingRequest {
  const defaults = {
    secretId: "AKIDone",
    secretKey: "key-one",
    date: dateOf(timestamp),
    host: "vpc.tencentcloudapi.com",
  };
  const { secretId, secretKey, date, host, headers } = {
    ...defaults,
    headers: ["content-type", "host"],
    ...changes,
  };
  const values = new Headers({
    "Content-Type": "application/json",
    Host: host,
    "X-TC-Action": "DescribeVpcs",
    "X-TC-Timestamp": String(timestamp),
  });
  const signature = tc3Signature(
    {
      method: "POST",
      path: "/",
      query: "",
      headers: headers.map((name) => [
        name,
        name === "host" ? host.replace(/:\d+$/, "") : (values.get(name) ?? ""),
      ]),
      body: "{}",
      timestamp,
      service: "vpc",
    },
    secretKey,
  );
  values.set(
    "Authorization",
    `TC3-HMAC-SHA256 Credential=${secretId}/${date}/vpc/tc3_request, SignedHeaders=${headers.join(";")}, Signature=${signature}`,
  );
  return { method: "POST", url: `http://${host}/`, headers: values, body: "{}" };
}

function without(request: IncomingRequest, header: string, value?: string): IncomingRequest {
  const headers = new Headers(request.headers);
  headers.delete(header);
  if (value !== undefined) headers.set(header, value);
  return { ...request, headers };
}

function codeOf(request: IncomingRequest, options = signedAt): string | undefined {
  try {
    checkCaller(readSignature(request), options);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("readSignature()", () => {
  it("knows who signed, and for what service", () => {
    expect(readSignature(signed())).toMatchObject({
      secretId: "AKIDone",
      service: "vpc",
      signedAt: timestamp * 1000,
    });
  });

  it("takes more signed headers, and a host with a port that was signed without", () => {
    expect(codeOf(signed({ headers: ["content-type", "host", "x-tc-action"] }))).toBeUndefined();
    expect(codeOf(signed({ host: "127.0.0.1:8080" }))).toBeUndefined();
  });

  it("takes a clock that is off by five minutes, either way, and no more", () => {
    for (const [seconds, code] of [
      [300, undefined],
      [-300, undefined],
      [301, "AuthFailure.SignatureExpire"],
      [-301, "AuthFailure.SignatureExpire"],
    ] as const) {
      expect(codeOf(signed(), { credentials, now: (timestamp + seconds) * 1000 })).toBe(code);
    }
  });

  const refused: [string, IncomingRequest, string][] = [
    ["another key", signed({ secretKey: "key-two" }), "AuthFailure.SignatureFailure"],
    ["a caller that is not known", signed({ secretId: "AKIDtwo" }), "AuthFailure.SecretIdNotFound"],
    ["another body than was signed", { ...signed(), body: '{"Limit":1}' }, "AuthFailure.SignatureFailure"],
    [
      "another host than was signed",
      without(signed(), "Host", "cvm.tencentcloudapi.com"),
      "AuthFailure.SignatureFailure",
    ],
    ["the scope of another day", signed({ date: "2020-01-01" }), "AuthFailure.SignatureFailure"],
    ["a host that is not signed", signed({ headers: ["content-type"] }), "AuthFailure.InvalidAuthorization"],
    [
      "a header of another form",
      without(signed(), "Authorization", "Basic x"),
      "AuthFailure.InvalidAuthorization",
    ],
    ["no signature", without(signed(), "Authorization"), "MissingParameter"],
    ["no time", without(signed(), "X-TC-Timestamp"), "MissingParameter"],
    ["a time that is none", without(signed(), "X-TC-Timestamp", "today"), "AuthFailure.SignatureExpire"],
  ];
  for (const [what, request, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      expect(codeOf(request)).toBe(code);
    });
  }
});
