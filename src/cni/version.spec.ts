import { describe, expect, test } from "bun:test";
import { CniError, encodeError } from "./error.ts";
import type { Result } from "./result.ts";
import { encodeVersions, specVersion } from "./version.ts";

const RESULT: Result = {
  interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, sandbox: "/run/netns/a" }],
  ips: [{ address: "10.0.16.5/32", gateway: "169.254.1.1", interface: 0 }],
  routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
};

describe("specVersion()", () => {
  test("1.0.0 knows neither GC nor STATUS, nor an interface's MTU", () => {
    const version = specVersion("1.0.0");
    expect(version.commands).toEqual(["ADD", "DEL", "CHECK", "VERSION"]);
    expect(version.encodeResult(RESULT)).toEqual({
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/a" }],
      ips: RESULT.ips,
      routes: RESULT.routes,
      dns: {},
    });
  });

  test("1.1.0 knows them all", () => {
    const version = specVersion("1.1.0");
    expect(version.commands).toContain("GC");
    expect(version.commands).toContain("STATUS");
    expect(version.encodeResult(RESULT)).toEqual({ cniVersion: "1.1.0", ...RESULT, dns: {} });
  });

  test("the result of an IPAM plugin has no interfaces", () => {
    const { interfaces: _, ...ipam } = RESULT;
    expect(specVersion("1.1.0").encodeResult(ipam)).not.toHaveProperty("interfaces");
  });

  test("any other is refused with code 1 and what is spoken", () => {
    expect(() => specVersion("2.0.0")).toThrow(
      'cniVersion is "2.0.0", and this plugin speaks 1.0.0 and 1.1.0',
    );
  });
});

test("encodeVersions() repeats the caller's version", () => {
  const supportedVersions = ["1.0.0", "1.1.0"];
  expect(JSON.parse(encodeVersions("0.4.0"))).toEqual({ cniVersion: "0.4.0", supportedVersions });
  expect(JSON.parse(encodeVersions(undefined))).toEqual({ cniVersion: "1.1.0", supportedVersions });
});

test("encodeError() gives code and message, and details only where there are some", () => {
  expect(JSON.parse(encodeError(new CniError(11, "full"), "1.0.0"))).toEqual({
    cniVersion: "1.0.0",
    code: 11,
    msg: "full",
  });
  expect(JSON.parse(encodeError(new CniError(11, "full", { details: "why" }), "1.0.0"))).toMatchObject({
    details: "why",
  });
});
