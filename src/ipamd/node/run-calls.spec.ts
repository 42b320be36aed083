import { describe, expect, test } from "bun:test";
import type { Permit } from "../../cloud/budget/permit.ts";
import type { CloudAction } from "../../cloud/budget/rates.ts";
import type { Urgency, WishKey } from "../../cloud/budget/wish-book.ts";
import { type Budget, RunCalls } from "./run-calls.ts";

function permitOf(action: CloudAction): Permit {
  return { action, use: (call) => call(), release: () => {} };
}

/** A budget that gives what is left of each action, and remembers what it is told. */
function budgetWith(left: Partial<Record<CloudAction, number>>) {
  const claims: [string, WishKey, Urgency][] = [];
  const settled: [string, WishKey[]][] = [];
  function take(action: CloudAction): Permit | undefined {
    const count = left[action] ?? 0;
    left[action] = count - 1;
    return count > 0 ? permitOf(action) : undefined;
  }
  const budget: Budget = {
    claim(node, action, urgency) {
      claims.push([node, action, urgency]);
      return take(action);
    },
    claimCreation(node, urgency) {
      claims.push([node, "creation", urgency]);
      const permit = take("CreateAndAttachNetworkInterface");
      return permit && { how: "create-and-attach", permit };
    },
    settle: (node, kept) => void settled.push([node, [...kept]]),
  };
  return { budget, claims, settled };
}

describe("RunCalls", () => {
  test("claims for its node, and keeps no wish for what it got", () => {
    const { budget, claims, settled } = budgetWith({
      AssignPrivateIpAddresses: 1,
      CreateAndAttachNetworkInterface: 1,
    });
    const calls = new RunCalls(budget, "node-1");
    expect(calls.claim("AssignPrivateIpAddresses", "waiting-pod")?.action).toBe("AssignPrivateIpAddresses");
    expect(calls.claimCreation("warm-up")?.how).toBe("create-and-attach");
    expect(claims).toEqual([
      ["node-1", "AssignPrivateIpAddresses", "waiting-pod"],
      ["node-1", "creation", "warm-up"],
    ]);
    expect(calls.hasPostponed()).toBe(false);
    calls.end();
    expect(settled).toEqual([["node-1", []]]);
  });

  test("what it got no permit for stays a wish when the run ends, and nothing else does", () => {
    const { budget, settled } = budgetWith({ DeleteNetworkInterface: 1 });
    const calls = new RunCalls(budget, "node-1");
    expect(calls.claim("DeleteNetworkInterface", "release")).toBeDefined();
    expect(calls.claim("DetachNetworkInterface", "release")).toBeUndefined();
    expect(calls.claimCreation("waiting-pod")).toBeUndefined();
    expect(calls.hasPostponed()).toBe(true);
    calls.end();
    expect(settled).toEqual([["node-1", ["DetachNetworkInterface", "creation"]]]);
  });
});
