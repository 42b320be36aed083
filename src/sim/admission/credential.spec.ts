import { describe, expect, it } from "bun:test";
import { refusal } from "../vpc/small-cloud.ts";
import { callerOf, checkCaller } from "./credential.ts";

const now = 1_800_000_000_000;
const credentials = new Map([
  ["AKIDone", { secretId: "AKIDone", secretKey: "key-one" }],
  ["AKIDtemp", { secretId: "AKIDtemp", secretKey: "key-temp", token: "token-1", expiresAt: now + 1000 }],
]);

const one = { secretId: "AKIDone", secretKey: "key-one" };
const temporary = { secretId: "AKIDtemp", secretKey: "key-temp", token: "token-1" };

type Caller = Parameters<typeof callerOf>[0];

describe("checkCaller()", () => {
  const cases: [string, Caller, number, string | undefined][] = [
    ["a caller with the right key", one, now, undefined],
    ["a temporary one before its end", temporary, now + 999, undefined],
    ["a temporary one at its end", temporary, now + 1000, "AuthFailure.TokenFailure"],
    ["a temporary one with another token", { ...temporary, token: "x" }, now, "AuthFailure.TokenFailure"],
    [
      "a temporary one without its token",
      { secretId: "AKIDtemp", secretKey: "key-temp" },
      now,
      "AuthFailure.TokenFailure",
    ],
    ["a token that nobody gave out", { ...one, token: "x" }, now, "AuthFailure.TokenFailure"],
    ["another key", { ...one, secretKey: "x" }, now, "AuthFailure.SignatureFailure"],
    ["a caller that is not known", { ...one, secretId: "x" }, now, "AuthFailure.SecretIdNotFound"],
    ["a clock that is five minutes behind", { ...one, signedAt: now - 300_000 }, now, undefined],
    ["one that is further behind", { ...one, signedAt: now - 300_001 }, now, "AuthFailure.SignatureExpire"],
    ["one that is further ahead", { ...one, signedAt: now + 300_001 }, now, "AuthFailure.SignatureExpire"],
  ];
  for (const [what, caller, time, code] of cases) {
    it(`${code === undefined ? "takes" : `answers ${code} to`} ${what}`, () => {
      expect(refusal(() => checkCaller(callerOf(caller), { credentials, now: time }))).toBe(code);
    });
  }
});
