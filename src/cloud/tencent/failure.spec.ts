import { expect, test } from "bun:test";
import { sdkFailure } from "./failure.ts";

/** What the SDK throws, by the fields that it fills. */
function thrown(message: string, fields: { code?: string; requestId?: string; httpCode?: number } = {}) {
  return Object.assign(new Error(message), { requestId: "", ...fields });
}

test.each([
  ["ECONNREFUSED: Unable to connect. Is the computer able to access the url?", "retry-later"],
  ["getaddrinfo ENOTFOUND vpc.tencentcloudapi.com", "retry-later"],
  ["getaddrinfo EAI_AGAIN vpc.tencentcloudapi.com", "retry-later"],
  ["ECONNRESET: The socket connection was closed unexpectedly.", "unknown"],
  ["The operation timed out.", "unknown"],
] as const)("sdkFailure() takes %p for %p", (message, meaning) => {
  const failure = sdkFailure("DeleteNetworkInterface", thrown(message));
  expect(failure).toMatchObject({
    class: meaning,
    code: "",
    requestId: "",
    action: "DeleteNetworkInterface",
  });
});

test("sdkFailure() goes by the code of an answer, whatever its message says", () => {
  const answer = thrown("ECONNREFUSED", { code: "ResourceInsufficient.Subnet", requestId: "r-1" });
  expect(sdkFailure("CreateNetworkInterface", answer)).toMatchObject({
    class: "subnet-full",
    code: "ResourceInsufficient.Subnet",
    requestId: "r-1",
  });
});

test("sdkFailure() does not take a gateway's refusal for an answer of the cloud", () => {
  expect(sdkFailure("AttachNetworkInterface", thrown("Bad Gateway", { httpCode: 502 })).class).toBe(
    "unknown",
  );
});

test("two refusals that differ in the request's id alone have one text", () => {
  const refusal = (id: string) =>
    sdkFailure("AssignPrivateIpAddresses", {
      code: "UnauthorizedOperation",
      requestId: id,
      message: `[request id:${id}]you are not authorized to perform operation (vpc:Assign)\nresource (*) has no permission\n`,
    }).message;
  expect(refusal("r-1")).toBe(refusal("r-2"));
  expect(refusal("r-1")).toEndWith(
    "you are not authorized to perform operation (vpc:Assign) resource (*) has no permission",
  );
});
