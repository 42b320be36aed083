import { describe, expect, test } from "bun:test";
import { CniError, encodeError } from "./error.ts";
import type { Result } from "./result.ts";
import { encodeVersions, specVersion } from "./version.ts";

const NAMES = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const RESULT: Result = {
  interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, sandbox: "/run/netns/a" }],
  ips: [
    { address: "10.0.16.5/32", gateway: "169.254.1.1", interface: 0 },
    { address: "fd00::5/128", gateway: "fe80::1", interface: 0 },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
};
const { mtu: _, ...WITHOUT_MTU } = RESULT.interfaces?.[0] ?? { name: "", mtu: 0 };

describe("specVersion()", () => {
  test.each(["0.3.0", "0.3.1", "0.4.0"])(
    "under %s each address says its family, and no interface its MTU",
    (name) => {
      expect(specVersion(name).encodeResult(RESULT)).toEqual({
        cniVersion: name,
        interfaces: [WITHOUT_MTU],
        ips: [
          { version: "4", ...RESULT.ips[0] },
          { version: "6", ...RESULT.ips[1] },
        ],
        routes: RESULT.routes,
        dns: {},
      });
    },
  );

  test("under 1.0.0 addresses do not say their family any more", () => {
    expect(specVersion("1.0.0").encodeResult(RESULT)).toEqual({
      cniVersion: "1.0.0",
      interfaces: [WITHOUT_MTU],
      ips: RESULT.ips,
      routes: RESULT.routes,
      dns: {},
    });
  });

  test("under 1.1.0 interfaces say their MTU", () => {
    expect(specVersion("1.1.0").encodeResult(RESULT)).toEqual({ cniVersion: "1.1.0", ...RESULT, dns: {} });
  });

  test("CHECK came with 0.4.0, GC and STATUS with 1.1.0", () => {
    const since = (command: "CHECK" | "GC" | "STATUS") =>
      NAMES.find((name) => specVersion(name).commands.includes(command));
    expect([since("CHECK"), since("GC"), since("STATUS")]).toEqual(["0.4.0", "1.1.0", "1.1.0"]);
    for (const name of NAMES) {
      for (const command of ["ADD", "DEL", "VERSION"] as const) {
        expect(specVersion(name).commands).toContain(command);
      }
    }
  });

  test.each(NAMES)("the result of an IPAM plugin has no interfaces under %s", (name) => {
    const { interfaces: _, ...ipam } = RESULT;
    expect(specVersion(name).encodeResult(ipam)).not.toHaveProperty("interfaces");
  });

  test("DNS settings are told", () => {
    const dns = { nameservers: ["10.0.0.2"] };
    expect(specVersion("0.3.0").encodeResult({ ...RESULT, dns })).toMatchObject({ dns });
  });

  test.each(["2.0.0", "0.2.0", ""])("%p is refused with code 1 and what is spoken", (name) => {
    expect(() => specVersion(name)).toThrow(
      `cniVersion is "${name}", and this plugin speaks 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`,
    );
  });
});

test("encodeVersions() repeats the caller's version", () => {
  const supportedVersions = NAMES;
  expect(JSON.parse(encodeVersions("0.2.0"))).toEqual({ cniVersion: "0.2.0", supportedVersions });
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
