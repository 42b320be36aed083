import { describe, expect, test } from "bun:test";
import {
  equalIpAddress,
  formatIpAddress,
  formatIpPrefix,
  hostPrefix,
  parseIpAddress,
  parseIpPrefix,
} from "./ip-address.ts";

describe("parseIpAddress() and formatIpAddress()", () => {
  test.each([
    ["10.0.16.5", "10.0.16.5", "0a001005"],
    ["255.255.255.255", "255.255.255.255", "ffffffff"],
    ["::", "::", "00000000000000000000000000000000"],
    ["::1", "::1", "00000000000000000000000000000001"],
    ["fd00::", "fd00::", "fd000000000000000000000000000000"],
    ["FD00:0:0:1:0:0:0:5", "fd00:0:0:1::5", "fd000000000000010000000000000005"],
    ["1:0:0:2:0:0:3:4", "1::2:0:0:3:4", "00010000000000020000000000030004"],
    ["1:2:3:0:5:6:7:8", "1:2:3:0:5:6:7:8", "00010002000300000005000600070008"],
    ["::ffff:10.0.16.5", "::ffff:a00:1005", "00000000000000000000ffff0a001005"],
  ])("%s is %s", (text, canonical, hex) => {
    const address = parseIpAddress(text);
    expect(Buffer.from(address.bytes).toString("hex")).toBe(hex);
    expect(formatIpAddress(address)).toBe(canonical);
    expect(equalIpAddress(address, parseIpAddress(canonical))).toBe(true);
  });

  test.each([
    "",
    "10.0.16",
    "10.0.16.256",
    "10.0.16.05",
    "10.0.16.5.1",
    " 10.0.16.5",
    "10.0.16.5/32",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
  ])("refuses %p", (text) => {
    expect(() => parseIpAddress(text)).toThrow(`"${text}" is not an IP address`);
  });
});

describe("parseIpPrefix()", () => {
  test.each([
    ["10.0.16.0/24", "10.0.16.0/24"],
    ["10.0.16.5", "10.0.16.5/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["fd00::5", "fd00::5/128"],
    ["fd00::/64", "fd00::/64"],
  ])("%s is %s", (text, canonical) => {
    expect(formatIpPrefix(parseIpPrefix(text))).toBe(canonical);
  });

  test.each(["10.0.16.0/33", "fd00::/129", "10.0.16.0/", "10.0.16.0/-1", "10.0.16.0/a", "/24"])(
    "refuses %p",
    (text) => {
      expect(() => parseIpPrefix(text)).toThrow(TypeError);
    },
  );
});

test("equalIpAddress() tells families apart", () => {
  expect(equalIpAddress(parseIpAddress("0.0.0.0"), parseIpAddress("::"))).toBe(false);
  expect(equalIpAddress(hostPrefix(parseIpAddress("10.0.0.1")).address, parseIpAddress("10.0.0.2"))).toBe(
    false,
  );
});
