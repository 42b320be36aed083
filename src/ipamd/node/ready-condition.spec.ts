import { describe, expect, test } from "bun:test";
import type { Condition } from "../../api/condition.ts";
import { CloudError, type CloudErrorClass } from "../../cloud/cloud-error.ts";
import type { EniView, NodeView, Shortage } from "../planner/node-view.ts";
import { attachedEni } from "../planner/testing/attached-eni.ts";
import {
  readinessOf,
  readyCondition,
  refusedReadiness,
  shortageReadiness,
  usableCount,
} from "./ready-condition.ts";

const eni = (count: number, overrides: Partial<EniView> = {}) => attachedEni("eni-1", count, overrides);

function view(overrides: Partial<NodeView> = {}): NodeView {
  return {
    demand: 0,
    waiting: 0,
    warm: { min: 5, max: 5 },
    limit: { enis: 3, addressesPerEni: 9, addresses: 27, quota: 27 },
    enis: [],
    instanceBusy: false,
    subnets: [],
    ...overrides,
  };
}

function refused(meaning: CloudErrorClass): CloudError {
  return new CloudError({
    class: meaning,
    action: "AssignPrivateIpAddresses",
    code: "Code",
    message: "no",
    requestId: "r-1",
  });
}

describe("readinessOf()", () => {
  const enabled = { disabled: false, room: 9 };

  test("serves with the addresses of ENIs that are attached", () => {
    const enis = [eni(5), eni(4, { id: "eni-2", ready: false, busy: true })];
    expect(usableCount(view({ enis }))).toBe(5);
    expect(readinessOf(view({ demand: 5, enis }), enabled)).toMatchObject({ ready: true, reason: "Serving" });
  });

  test("stays ready while more are on their way, and says how many", () => {
    const told = readinessOf(view({ demand: 7, enis: [eni(5)] }), enabled);
    expect(told).toMatchObject({ ready: true, reason: "Attaching" });
    expect(told.message).toContain("2 more addresses");
  });

  test("is not ready before the first address, except where none is to be kept ready and one can be had", () => {
    expect(readinessOf(view(), enabled)).toMatchObject({ ready: false, reason: "Attaching" });
    const onDemand = view({ warm: { min: 0, max: 0 } });
    expect(readinessOf(onDemand, enabled)).toMatchObject({ ready: true, reason: "Serving" });
    expect(readinessOf(onDemand, { disabled: false, room: 0 }).ready).toBe(false);
    expect(readinessOf({ ...onDemand, waiting: 1 }, enabled).ready).toBe(false);
  });

  test("a node that is to have no ENIs is ready only for the pods that it still serves", () => {
    const held = eni(1).addresses.map((a) => ({ ...a, use: "in-use" as const }));
    const draining = eni(0, { draining: true, addresses: held });
    const off = { disabled: true, room: 0 };
    expect(readinessOf(view({ demand: 1, enis: [draining] }), off)).toMatchObject({
      ready: true,
      reason: "Disabled",
    });
    expect(readinessOf(view({ demand: 2, enis: [draining] }), off).ready).toBe(false);
    expect(readinessOf(view(), off).ready).toBe(false);
  });
});

describe("shortageReadiness()", () => {
  const place = { zone: "ap-1", subnets: "subnet-a, subnet-b" };

  test.each<[Shortage, string, string]>([
    ["no-subnet", "NoSubnetInZone", "zone ap-1"],
    ["subnet-full", "SubnetFull", "add a subnet"],
    ["quota", "QuotaReached", "larger instance type"],
    ["eni-full", "ENIFull", "desired-route-eni-pod-num"],
    ["draining", "ENIFull", "being emptied"],
  ])("%s is told as %s, with what to do", (shortage, reason, step) => {
    const told = shortageReadiness(shortage, { view: view({ demand: 3, enis: [eni(2)] }), ...place });
    expect(told).toMatchObject({ ready: false, reason });
    expect(told.message).toContain(step);
  });

  test("is ready as long as the pods that there are have addresses", () => {
    expect(
      shortageReadiness("subnet-full", { view: view({ demand: 2, enis: [eni(2)] }), ...place }).ready,
    ).toBe(true);
    expect(shortageReadiness("subnet-full", { view: view(), ...place }).ready).toBe(false);
  });
});

describe("refusedReadiness()", () => {
  test.each<[CloudErrorClass, string]>([
    ["throttled", "Throttled"],
    ["retry-later", "CloudRefused"],
    ["subnet-full", "SubnetFull"],
    ["quota", "VPCLimit"],
    ["not-authorised", "NotAuthorised"],
    ["credential", "CredentialRejected"],
    ["clock-skew", "ClockSkew"],
    ["unknown", "CloudRefused"],
    ["permanent", "CloudRefused"],
  ])(
    "a refusal of class %s has the reason %s, the cloud's words and the request to quote",
    (meaning, reason) => {
      const told = refusedReadiness(refused(meaning), undefined);
      expect(told).toMatchObject({ ready: false, reason });
      expect(told.message).toContain("AssignPrivateIpAddresses: Code: no");
      expect(told.message).toContain("r-1");
    },
  );

  test.each<CloudErrorClass>(["retry-later", "unknown"])("no answer at all (%s) is no refusal", (meaning) => {
    const silence = new CloudError({
      class: meaning,
      action: "AttachNetworkInterface",
      code: "",
      message: "timed out",
      requestId: "",
    });
    expect(refusedReadiness(silence, undefined).reason).toBe("RegionDown");
  });

  test("pods that have their addresses keep the node ready", () => {
    expect(refusedReadiness(refused("throttled"), view({ demand: 2, enis: [eni(2)] })).ready).toBe(true);
    expect(refusedReadiness(refused("throttled"), view({ demand: 3, enis: [eni(2)] })).ready).toBe(false);
  });
});

test("the date of the condition moves only when its status does", () => {
  const before: Condition = {
    type: "Ready",
    status: "True",
    reason: "Serving",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const now = Date.parse("2026-03-01T12:00:00Z");
  const attaching = { ready: true, reason: "Attaching", message: "soon" } as const;
  expect(readyCondition(attaching, { before, now })).toMatchObject({
    status: "True",
    reason: "Attaching",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
  expect(readyCondition({ ...attaching, ready: false }, { before, now })).toMatchObject({
    status: "False",
    lastTransitionTime: "2026-03-01T12:00:00.000Z",
  });
  expect(readyCondition(attaching, { before: undefined, now }).lastTransitionTime).toBe(
    "2026-03-01T12:00:00.000Z",
  );
});
