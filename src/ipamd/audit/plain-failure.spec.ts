import { describe, expect, test } from "bun:test";
import type { CloudErrorClass } from "../../cloud/cloud-error.ts";
import { CloudError } from "../../cloud/cloud-error.ts";
import { credentialFailure, sdkFailure } from "../../cloud/tencent/failure.ts";
import { plainFailure } from "./plain-failure.ts";

const ACTION = "DescribeNetworkInterfaces";

function said(error: unknown): string {
  return (plainFailure(error) as Error).message;
}

describe("plainFailure()", () => {
  test("says that the cloud does not accept the credential, and where a valid one goes", () => {
    const refusal = sdkFailure(ACTION, {
      code: "AuthFailure.SecretIdNotFound",
      requestId: "r1",
      message: "The SecretId is not found.",
    });
    expect(said(refusal)).toBe(
      "the cloud does not accept the credential (DescribeNetworkInterfaces: AuthFailure.SecretIdNotFound: The SecretId is not found.): " +
        "put a valid one into the Secret tke-eni-credential, which pods see after a minute or so",
    );
  });

  test("says which file a credential is missing from", () => {
    const reason = new Error("no credential in /etc/x/secretId: mount the Secret with the keys secretId");
    expect(said(credentialFailure(ACTION, reason))).toBe(
      "the cloud was not asked: no credential in /etc/x/secretId: mount the Secret with the keys secretId",
    );
  });

  test.each<[CloudErrorClass, RegExp]>([
    ["clock-skew", /^the cloud refuses the request for its date \(.*\): set the clock of this machine/],
    ["not-authorised", /^the credential may not do DescribeNetworkInterfaces \(.*\): add the action/],
    ["throttled", /^the cloud does not answer this now \(.*\): run it again in a minute$/],
    ["retry-later", /^the cloud does not answer this now \(.*\): run it again in a minute$/],
    ["unknown", /^the cloud does not answer \(.*\): check the way to it/],
    ["permanent", /^the cloud refuses the request \(.*\): see whether --region/],
  ])("has a sentence for %s", (meaning, sentence) => {
    const failure = { class: meaning, action: ACTION, code: "X", message: "words", requestId: "r1" };
    expect(said(new CloudError(failure))).toMatch(sentence);
  });

  test("leaves alone what is none of the cloud's", () => {
    const error = new Error("the API server cannot be reached");
    expect(plainFailure(error)).toBe(error);
  });
});
