import { describe, expect, it } from "bun:test";
import { contains, formatIpv4, overlap, parseBlock, parseIpv4, sizeOf } from "./ipv4.ts";

describe("parseIpv4()", () => {
  for (const text of ["0.0.0.0", "10.0.1.2", "255.255.255.255", "198.51.100.10"]) {
    it(`reads ${text} so that it can be written again`, () => {
      const value = parseIpv4(text);
      expect(value === undefined ? undefined : formatIpv4(value)).toBe(text);
    });
  }

  for (const text of [
    "",
    "10",
    "10.0.1",
    "10.0.1.256",
    "10.0.1.02",
    "10.0.1.2.3",
    "10.0.1.x",
    " 10.0.1.2",
    "10.0..2",
  ]) {
    it(`refuses "${text}"`, () => {
      expect(parseIpv4(text)).toBeUndefined();
    });
  }
});

describe("parseBlock()", () => {
  it("reads a block", () => {
    expect(parseBlock("10.0.16.0/24")).toEqual({ base: 0x0a001000, prefixLength: 24 });
  });

  for (const text of ["10.0.16.0", "10.0.16.1/24", "10.0.16.0/33", "10.0.16.0/24/1", "x/24", "10.0.0.0/"]) {
    it(`refuses "${text}"`, () => {
      expect(parseBlock(text)).toBeUndefined();
    });
  }
});

describe("contains() and overlap()", () => {
  const block = { base: 0x0a001000, prefixLength: 24 };

  it("know the edges of a block", () => {
    expect(sizeOf(block)).toBe(256);
    expect(
      [0x0a000fff, 0x0a001000, 0x0a0010ff, 0x0a001100].map((address) => contains(block, address)),
    ).toEqual([false, true, true, false]);
  });

  it("see a block inside another, from both sides", () => {
    const wide = { base: 0x0a000000, prefixLength: 16 };
    expect(overlap(block, wide)).toBe(true);
    expect(overlap(wide, block)).toBe(true);
    expect(overlap(block, { base: 0x0a001100, prefixLength: 24 })).toBe(false);
  });
});
