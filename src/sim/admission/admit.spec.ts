import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { simulatedWorld } from "../config.ts";
import { type AdmissionState, initialAdmission } from "./admission-state.ts";
import { checkPolicy, countCall, isInForce, strike } from "./admit.ts";
import type { Fault } from "./fault.ts";

const nothing: AdmissionState = initialAdmission(simulatedWorld());

function accepted(
  state: AdmissionState,
  now: number,
  action = "DescribeVpcLimits",
): AdmissionState | undefined {
  try {
    return countCall(state, action, now);
  } catch {
    return undefined;
  }
}

describe("countCall()", () => {
  it("lets in exactly as many as it can within any 1000 ms, whatever is asked", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 30 }), fc.nat({ max: 700 })), { maxLength: 400 }),
        fc.integer({ min: 1, max: 25 }),
        (gaps, limit) => {
          let state: AdmissionState = { ...nothing, rateLimits: { default: limit, actions: {} } };
          const times: number[] = [];
          let now = 5;
          for (const gap of gaps) {
            now += gap;
            const recent = times.filter((it) => it > now - 1000).length;
            const next = accepted(state, now);
            expect(next !== undefined).toBe(recent < limit);
            if (next !== undefined) {
              state = next;
              times.push(now);
            }
          }
        },
      ),
    );
  });

  it("refuses as the cloud does, and does not count what it refuses", () => {
    let state: AdmissionState = { ...nothing, rateLimits: { default: 2, actions: {} } };
    state = countCall(countCall(state, "DescribeVpcs", 0), "DescribeVpcs", 1);
    expect(() => countCall(state, "DescribeVpcs", 999)).toThrow(
      "Your current request times equals to `3` in a second, which exceeds the frequency limit `2` for a second. Please reduce the frequency of calls.",
    );
    expect(accepted(state, 999, "DescribeSubnets")).toBeDefined();
    state = countCall(state, "DescribeVpcs", 1000);
    expect(accepted(state, 1000, "DescribeVpcs")).toBeUndefined();
    expect(accepted(state, 1001, "DescribeVpcs")).toBeDefined();
  });

  const limits: [string, number][] = [
    ["CreateNetworkInterface", 100],
    ["CreateAndAttachNetworkInterface", 20],
    ["AttachNetworkInterface", 50],
    ["DescribeNetworkInterfaceLimit", 20],
    ["DescribeVpcTaskResult", 20],
    ["DescribeInstances", 40],
    ["ModifyResourceTags", 20],
  ];
  for (const [action, limit] of limits) {
    it(`has ${limit} a second for ${action}, as documented, unless it is told otherwise`, () => {
      const let_in = (state: AdmissionState) => {
        let count = 0;
        for (let next = accepted(state, 0, action); next !== undefined && count < 1000; count++) {
          next = accepted(next, 0, action);
        }
        return count;
      };
      expect(let_in(nothing)).toBe(limit);
      expect(let_in({ ...nothing, rateLimits: { default: 7, actions: { X: 1 } } })).toBe(7);
      expect(let_in({ ...nothing, rateLimits: { default: 7, actions: { [action]: 3 } } })).toBe(3);
      expect(let_in({ ...nothing, rateLimits: false })).toBe(1000);
    });
  }
});

describe("strike()", () => {
  const fault = (changes: Partial<Fault>): Fault => ({
    id: "fault-1",
    actions: ["DescribeVpcs"],
    probability: 1,
    struck: 0,
    effect: { kind: "refuse", code: "InternalError", message: "x" },
    ...changes,
  });
  const struckBy = (faults: Fault[], calls: [string, number][]) => {
    let state: AdmissionState = { ...nothing, faults };
    return calls.map(([action, now]) => {
      const step = strike(state, action, now);
      state = step.state;
      return step.effects.length;
    });
  };

  it("meets the actions that it is for, or every call", () => {
    expect(
      struckBy(
        [fault({})],
        [
          ["DescribeVpcs", 0],
          ["DescribeSubnets", 0],
          ["", 0],
        ],
      ),
    ).toEqual([1, 0, 0]);
    expect(
      struckBy(
        [fault({ actions: ["*"] })],
        [
          ["DescribeVpcs", 0],
          ["", 0],
        ],
      ),
    ).toEqual([1, 1]);
  });

  it("is over after so many strikes, or at its time", () => {
    const calls: [string, number][] = [
      ["DescribeVpcs", 0],
      ["X", 1],
      ["DescribeVpcs", 2],
      ["DescribeVpcs", 3],
    ];
    expect(struckBy([fault({ left: 2 })], calls)).toEqual([1, 0, 1, 0]);
    expect(struckBy([fault({ until: 2 })], calls)).toEqual([1, 0, 0, 0]);
    expect([isInForce(fault({ left: 0 }), 0), isInForce(fault({ until: 1 }), 0)]).toEqual([false, true]);
  });

  it("strikes together with others", () => {
    expect(struckBy([fault({}), fault({ id: "fault-2" })], [["DescribeVpcs", 0]])).toEqual([2]);
  });

  it("strikes as often as its probability has it, and the same way from the same dice", () => {
    const calls = Array.from({ length: 2000 }, (): [string, number] => ["DescribeVpcs", 0]);
    const strikes = struckBy([fault({ probability: 0.25 })], calls);
    const count = strikes.filter((it) => it === 1).length;
    expect(count).toBeGreaterThan(420);
    expect(count).toBeLessThan(580);
    expect(struckBy([fault({ probability: 0.25 })], calls)).toEqual(strikes);
  });
});

describe("checkPolicy()", () => {
  const state = { ...nothing, denied: new Map([["AKIDone", new Set(["CreateNetworkInterface"])]]) };
  const check = (secretId: string, action: string) =>
    checkPolicy(state, { secretId, product: "vpc", action, requestId: "r-1" });

  it("refuses what the caller's policy lacks, as the cloud does", () => {
    expect(() => check("AKIDone", "CreateNetworkInterface")).toThrow(
      "[request id:r-1]you are not authorized to perform operation (vpc:CreateNetworkInterface)\nresource (*) has no permission",
    );
    expect(() => check("AKIDone", "DescribeVpcs")).not.toThrow();
    expect(() => check("AKIDtwo", "CreateNetworkInterface")).not.toThrow();
  });
});
