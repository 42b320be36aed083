import { describe, expect, test } from "bun:test";
import { CniError, CODES } from "./error.ts";
import { parseNetworkConfiguration, parseVersionRequest } from "./network-configuration.ts";

const CONFIGURATION = {
  cniVersion: "1.1.0",
  name: "tke-route-eni",
  type: "tke-route-eni",
  mtu: 1400,
  ipam: { type: "tke-eni-ipamc", backend: "unix:///run/tke-eni-agent/cni.sock" },
};

function failureOf(text: string): CniError {
  try {
    parseNetworkConfiguration(text);
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("parseNetworkConfiguration()", () => {
  test("reads what every plugin has, and leaves its own keys to it", () => {
    const configuration = parseNetworkConfiguration(JSON.stringify(CONFIGURATION));
    expect(configuration).toMatchObject({ name: "tke-route-eni", type: "tke-route-eni" });
    expect(configuration.version.name).toBe("1.1.0");
    expect(configuration.ipam?.string("type")).toBe("tke-eni-ipamc");
    expect(configuration.own.integer("mtu", { min: 68, max: 65535 })).toBe(1400);
  });

  test("needs no more than version, name and type", () => {
    const configuration = parseNetworkConfiguration(
      '{"cniVersion": "1.0.0", "name": "a", "type": "b", "ipam": null}',
    );
    expect(configuration.ipam).toBeUndefined();
  });

  test("does not mind what stands in keys that no plugin reads: a DEL must not fail by them", () => {
    const text = JSON.stringify({ ...CONFIGURATION, prevResult: { ips: {} }, runtimeConfig: [] });
    expect(parseNetworkConfiguration(text).name).toBe("tke-route-eni");
  });

  test.each([
    ["", CODES.undecodable, "no JSON"],
    ["{", CODES.undecodable, "no JSON"],
    ["[]", CODES.invalidConfiguration, "must be a JSON object, and is []"],
    ["null", CODES.invalidConfiguration, "must be a JSON object, and is null"],
  ])("refuses the text %p", (text, code, message) => {
    const failure = failureOf(text);
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message);
  });

  test.each([
    [{ cniVersion: "0.2.0" }, CODES.incompatibleVersion, 'cniVersion is "0.2.0"'],
    [{ cniVersion: undefined }, CODES.incompatibleVersion, 'cniVersion is "0.1.0"'],
    [{ cniVersion: 1 }, CODES.invalidConfiguration, "cniVersion must be a string, and is 1"],
    [
      { name: undefined },
      CODES.invalidConfiguration,
      "name must be a string that is not empty, and is missing",
    ],
    [{ name: "a/b" }, CODES.invalidConfiguration, 'and is "a/b"'],
    [{ type: "" }, CODES.invalidConfiguration, 'type must be a string that is not empty, and is ""'],
    [{ ipam: "tke-eni-ipamc" }, CODES.invalidConfiguration, 'ipam must be an object, and is "tke-eni-ipamc"'],
  ])("refuses %j by the key's name", (changes, code, message) => {
    const failure = failureOf(JSON.stringify({ ...CONFIGURATION, ...changes }));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message);
  });

  test("names a number that is out of bounds", () => {
    const { own } = parseNetworkConfiguration(JSON.stringify({ ...CONFIGURATION, mtu: 67 }));
    expect(() => own.integer("mtu", { min: 68, max: 65535 })).toThrow(
      "network configuration: mtu must be a whole number from 68 to 65535, and is 67",
    );
    expect(own.integer("absent", { min: 0, max: 1 })).toBeUndefined();
  });
});

test.each([
  ["", undefined],
  ["{}", undefined],
  ['{"cniVersion": "0.4.0"}', "0.4.0"],
])("parseVersionRequest(%p) is %p", (text, version) => {
  expect(parseVersionRequest(text)).toBe(version);
});
