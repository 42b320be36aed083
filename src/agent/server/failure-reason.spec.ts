import { describe, expect, it } from "bun:test";
import type { Condition } from "../../api/condition.ts";
import { requestSuffix } from "../../api/request-id.ts";
import { FailureReason } from "../../gen/tke/eni/agent/v1/address_pb.ts";
import { failureOf } from "./failure-reason.ts";

const counts = { inUse: 3, coolingDown: 1 };

function condition(reason: string, message = "what ipamd says"): Condition {
  return { type: "Ready", status: "False", reason, message, lastTransitionTime: "2026-01-01T00:00:00Z" };
}

describe("failureOf()", () => {
  it("tells what it is, in ipamd's words too, and ends with what to do", () => {
    const failure = failureOf(condition("SubnetFull", "subnet-1 (ap-sim-1) has no address left"), counts);
    expect(failure.reason).toBe(FailureReason.SUBNET_FULL);
    expect(failure.message).toBe(
      "no address is free on this node: 3 are in use and 1 cool down; subnet full " +
        "(ipamd says: subnet-1 (ap-sim-1) has no address left): " +
        "add a subnet of the node's zone to TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd",
    );
  });

  it.each([
    ["Attaching", FailureReason.ATTACHING, "attaching"],
    ["ENIFull", FailureReason.ENI_FULL, "ENI full"],
    ["SubnetFull", FailureReason.SUBNET_FULL, "subnet full"],
    ["NoSubnetInZone", FailureReason.NO_SUBNET_IN_ZONE, "no subnet in zone"],
    ["QuotaReached", FailureReason.QUOTA, "quota"],
    ["VPCLimit", FailureReason.QUOTA, "quota"],
    ["Throttled", FailureReason.THROTTLED, "throttled"],
    ["NotAuthorised", FailureReason.NOT_AUTHORISED, "not authorised"],
    ["CredentialRejected", FailureReason.NOT_AUTHORISED, "not authorised"],
    ["ClockSkew", FailureReason.NOT_AUTHORISED, "not authorised"],
    ["RegionDown", FailureReason.CLOUD_UNAVAILABLE, "does not answer"],
    ["CloudRefused", FailureReason.CLOUD_UNAVAILABLE, "refuses"],
    ["Disabled", FailureReason.NODE_EXCLUDED, "switched off"],
    ["NoInstance", FailureReason.NODE_EXCLUDED, "not known"],
    ["InstanceStopped", FailureReason.NODE_EXCLUDED, "stopped"],
    ["Serving", FailureReason.NO_FREE_ADDRESS, "nothing wrong"],
    ["SomethingNewer", FailureReason.NO_FREE_ADDRESS, "SomethingNewer"],
  ])("knows %s", (reason, expected, words) => {
    const failure = failureOf(condition(reason), counts);
    expect(failure.reason).toBe(expected);
    for (const text of [failure.message, failure.cause]) expect(text).toContain(words);
    expect(failure.message).toContain("what ipamd says");
  });

  it("leads to the claim of a pod that brings its address, unless something is wrong with the node", () => {
    const pod = { namespace: "shop", name: "web-0" };
    const failure = failureOf(condition("Serving"), counts, pod);
    expect(failure.reason).toBe(FailureReason.NO_FREE_ADDRESS);
    for (const text of [failure.message, failure.cause, failureOf(undefined, counts, pod).message])
      expect(text).toContain("that of the pod's claim has not come");
    expect(failure.cause).toContain("`kubectl -n shop describe vipc web-0`");
    expect(failureOf(condition("SubnetFull"), counts, pod).message).toContain("subnet full");
  });

  it("says what is known when ipamd says nothing", () => {
    const failure = failureOf(undefined, counts);
    expect(failure.reason).toBe(FailureReason.NO_FREE_ADDRESS);
    expect(failure.message).toContain("3 are in use and 1 cool down");
    expect(failure.message).toEndWith("see `kubectl get nec`, and whether tke-eni-ipamd runs");
  });

  it("gives one cause for all tries, however the pool and what is on its way change", () => {
    const first = failureOf(condition("Attaching", "2 of 5 addresses are assigned"), counts);
    const next = failureOf(condition("Attaching", "4 of 5 addresses are assigned"), {
      inUse: 7,
      coolingDown: 0,
    });
    expect(next.message).not.toBe(first.message);
    expect(next.cause).toBe(first.cause);
  });

  it("gives one cause for all tries that the cloud refuses alike, whatever the number of the request", () => {
    const refusal = (requestId: string) =>
      failureOf(
        condition("NotAuthorised", `no permission${requestSuffix(requestId)}: add the action`),
        counts,
      );
    const first = refusal("0c0e5f6a-5a5e-4d0e-8f61-6a1f0c2b9d11");
    const next = refusal("9d7b2f3c-1111-4d0e-8f61-6a1f0c2b9d11");
    expect(next.message).not.toBe(first.message);
    expect(next.cause).toBe(first.cause);
  });

  it.each([
    ["Attaching", false],
    ["Serving", false],
    ["SubnetFull", true],
    ["Throttled", true],
    ["CredentialRejected", true],
  ])("tells of %s whether it is more than an address on its way", (reason, lasts) => {
    expect(failureOf(condition(reason), counts).lasts).toBe(lasts);
  });
});
