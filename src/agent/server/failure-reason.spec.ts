import { expect, it } from "bun:test";
import { FailureReason } from "../../gen/tke/eni/agent/v1/address_pb.ts";
import { waitMs } from "./address-service.ts";
import { failureOf } from "./failure-reason.ts";

const counts = { inUse: 3, coolingDown: 1 };

it("failureOf() tells ipamd's reason in its words", () => {
  const failure = failureOf(
    {
      type: "Ready",
      status: "False",
      reason: "QuotaReached",
      message: "use a larger instance type",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
    counts,
  );
  expect(failure.reason).toBe(FailureReason.QUOTA);
  expect(failure.message).toBe(
    "no address is free on this node: 3 are in use and 1 cool down; ipamd says: use a larger instance type",
  );
});

it("failureOf() says what is known when ipamd says nothing", () => {
  const failure = failureOf(undefined, counts);
  expect(failure.reason).toBe(FailureReason.NO_FREE_ADDRESS);
  expect(failure.message).toContain("3 are in use and 1 cool down");
});

it("waitMs() leaves the answer time to reach its caller", () => {
  expect(waitMs(undefined)).toBe(30_000);
  expect(waitMs(60_000)).toBe(59_000);
  expect(waitMs(1_000)).toBe(750);
  expect(waitMs(0)).toBe(0);
});
