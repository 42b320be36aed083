import { describe, expect, it } from "bun:test";
import { rollId, rollMac, rollUnused } from "./dice.ts";

describe("rollId() and rollMac()", () => {
  it("give what the cloud gives", () => {
    expect(rollId(1, "eni").value).toMatch(/^eni-[0-9a-z]{8}$/);
    expect(rollMac(1).value).toMatch(/^20:90:6f(:[0-9a-f]{2}){3}$/);
  });

  it("give the same for the same dice and something else for the next", () => {
    const first = rollId(7, "eni");
    expect(rollId(7, "eni")).toEqual(first);
    expect(rollId(first.dice, "eni").value).not.toBe(first.value);
  });
});

describe("rollUnused()", () => {
  it("rolls again when the outcome is taken", () => {
    const first = rollMac(3).value;
    expect(rollUnused(rollMac, 3, (mac) => mac === first).value).not.toBe(first);
  });
});
