import { describe, expect, test } from "bun:test";
import { noAnswer, quota, staleSignature, wrongSecret } from "../testing/cloud-errors.ts";
import { CredentialGate } from "./credential-gate.ts";
import type { Outcome } from "./outcome.ts";

const rejected: Outcome = { kind: "rejected", error: wrongSecret };

/** A gate that shut at 1 s. */
function shutGate(outcome = rejected): CredentialGate {
  const gate = new CredentialGate();
  gate.settle(outcome, { sentAt: 900, now: 1000, probe: false });
  return gate;
}

describe("CredentialGate", () => {
  test.each([
    ["wrong secret", wrongSecret],
    ["stale signature", staleSignature],
  ])("shuts at the first %s", (_, error) => {
    const gate = shutGate({ kind: "rejected", error });
    expect(gate.cause()).toBe(error);
    expect(gate.admits(10_999)).toBe(false);
  });

  test("lets a probe through every ten seconds, without an answer too", () => {
    const gate = shutGate();
    expect(gate.admits(11_000)).toBe(true);
    expect(gate.admit()).toBe(true);
    expect(gate.admits(11_000)).toBe(false);
    gate.settle(rejected, { sentAt: 11_000, now: 12_000, probe: true });
    expect(gate.probeAt()).toBe(22_000);
    gate.admit();
    gate.settle({ kind: "failing", error: noAnswer }, { sentAt: 22_000, now: 32_000, probe: true });
    expect(gate.probeAt()).toBe(42_000);
  });

  test("lets a probe through at once when the credential has changed", () => {
    const gate = shutGate();
    gate.changed(2000);
    expect(gate.admits(2000)).toBe(true);
  });

  test("goes by no probe that was signed with the credential before", () => {
    const gate = shutGate();
    gate.admit();
    gate.changed(12_000);
    gate.settle(rejected, { sentAt: 11_000, now: 12_500, probe: true });
    expect(gate.admits(12_500)).toBe(true);
  });

  test("opens when a call sent since is answered otherwise, not when one sent before is", () => {
    const gate = shutGate();
    gate.settle({ kind: "success" }, { sentAt: 950, now: 1050, probe: false });
    expect(gate.isShut()).toBe(true);
    gate.admit();
    gate.settle({ kind: "refused", error: quota }, { sentAt: 11_000, now: 11_100, probe: true });
    expect(gate.isShut()).toBe(false);
  });

  test("has a probe due again that was not used", () => {
    const gate = shutGate();
    gate.admit();
    gate.probeUnused();
    expect(gate.admits(11_000)).toBe(true);
  });
});
