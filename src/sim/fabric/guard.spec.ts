import { describe, expect, it } from "bun:test";
import { allowAddresses, forbidAddresses, guardRuleset, readDrops } from "./guard.ts";

const badLinks = ["", "eni-0000000000000", 'x" drop', "Eth0", "-eni", "a b"];

describe("guardRuleset()", () => {
  it("replaces the table and trusts the links that are named", () => {
    const ruleset = guardRuleset(["mgmt", "out"]);
    expect(ruleset).toStartWith("table inet vpc {}\ndelete table inet vpc\ntable inet vpc {");
    expect(ruleset).toContain('iifname "mgmt" accept');
    expect(ruleset).toContain('iifname "out" accept');
  });

  for (const link of badLinks) {
    it(`does not write the link "${link}"`, () => {
      expect(() => guardRuleset([link])).toThrow(/not a link name/);
    });
  }
});

describe("allowAddresses() and forbidAddresses()", () => {
  it("name every address with its link", () => {
    const elements = '{ "eni-0000000a" . 10.0.16.2, "eni-0000000a" . 10.0.16.3 }';
    expect(allowAddresses("eni-0000000a", ["10.0.16.2", "10.0.16.3"])).toBe(
      `add element inet vpc allowed ${elements}\n`,
    );
    expect(forbidAddresses("eni-0000000a", ["10.0.16.2", "10.0.16.3"])).toBe(
      `delete element inet vpc allowed ${elements}\n`,
    );
  });

  for (const link of badLinks) {
    it(`do not write the link "${link}"`, () => {
      expect(() => allowAddresses(link, ["10.0.16.2"])).toThrow(/not a link name/);
    });
  }

  for (const address of ["", "10.0.16.2 }; flush ruleset", "10.0.16.0/24", "::1", "10.0.16.2\n"]) {
    it(`do not write the address ${JSON.stringify(address)}`, () => {
      expect(() => forbidAddresses("eni-0000000a", [address])).toThrow(/not an IPv4 address/);
    });
  }
});

describe("readDrops()", () => {
  it("takes the counter and the elements of the set out of nft's JSON", () => {
    const element = {
      val: { concat: ["eni-0000000a", "10.0.16.200"] },
      timeout: 3600,
      counter: { packets: 3, bytes: 252 },
    };
    const document = {
      nftables: [
        { metainfo: { version: "1.0.6" } },
        { counter: { name: "dropped", packets: 4 } },
        { set: { name: "allowed", elem: [{ elem: { val: { concat: ["eni-0000000a", "10.0.16.2"] } } }] } },
        { set: { name: "spoofed", elem: [{ elem: element }] } },
      ],
    };
    expect(readDrops(document)).toEqual({
      total: 4,
      bySource: [{ link: "eni-0000000a", source: "10.0.16.200", packets: 3 }],
    });
  });

  it("reads a set without elements", () => {
    expect(readDrops({ nftables: [{ set: { name: "spoofed" } }] })).toEqual({ total: 0, bySource: [] });
  });
});
