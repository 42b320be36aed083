import { expect, test } from "bun:test";
import type { Condition } from "../../api/condition.ts";
import type { CloudHealth } from "../../cloud/budget/health.ts";
import { cloudAccessCondition } from "./cloud-access.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");

function health(state: CloudHealth["state"]): CloudHealth {
  return { state, since: 0, message: `it is ${state}` };
}

test.each([
  ["well", "True", "Well"],
  ["throttled", "True", "Throttled"],
  ["region-down", "False", "RegionDown"],
  ["credential-rejected", "False", "CredentialRejected"],
  ["clock-skew", "False", "ClockSkew"],
  ["not-authorised", "False", "NotAuthorised"],
] as const)("%s is %s for the reason %s", (state, status, reason) => {
  expect(cloudAccessCondition(health(state), { before: undefined, now: NOW })).toEqual({
    type: "CloudAccess",
    status,
    reason,
    message: `it is ${state}`,
    lastTransitionTime: "2026-03-01T12:00:00.000Z",
  });
});

test("its date moves only when its status does", () => {
  const before: Condition[] = [
    {
      type: "Drained",
      status: "False",
      reason: "InUse",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
    {
      type: "CloudAccess",
      status: "False",
      reason: "RegionDown",
      message: "",
      lastTransitionTime: "2026-02-01T00:00:00Z",
    },
  ];
  const stays = cloudAccessCondition(health("clock-skew"), { before, now: NOW });
  expect(stays).toMatchObject({ reason: "ClockSkew", lastTransitionTime: "2026-02-01T00:00:00Z" });
  const over = cloudAccessCondition(health("well"), { before, now: NOW });
  expect(over).toMatchObject({ status: "True", lastTransitionTime: "2026-03-01T12:00:00.000Z" });
});
