import { describe, expect, test } from "bun:test";
import { parseNetworkConfiguration } from "../cni/network-configuration.ts";
import { formatBackend, parseAnyIpam, parseIpamConfiguration } from "./ipam-configuration.ts";

function configuration(ipam: unknown) {
  return parseNetworkConfiguration(JSON.stringify({ cniVersion: "1.1.0", name: "a", type: "b", ipam }));
}

function parse(ipam: unknown) {
  return parseIpamConfiguration(configuration(ipam));
}

describe("parseAnyIpam()", () => {
  test("knows our own and any other by its name", () => {
    expect(parseAnyIpam(configuration({ type: "tke-eni-ipamc" }))).toMatchObject({ type: "tke-eni-ipamc" });
    expect(parseAnyIpam(configuration({ type: "host-local" }))).toEqual({
      type: "delegated",
      executable: "host-local",
    });
  });

  test.each(["/bin/sh", "../sh", "a/b", ".", "..", ".hidden", "-x", "a b", "a\0b"])(
    "refuses the type %p",
    (type) => {
      expect(() => parseAnyIpam(configuration({ type }))).toThrow(
        "ipam.type must be the name of an executable",
      );
    },
  );

  test("refuses itself, and none", () => {
    expect(() => parseAnyIpam(configuration({ type: "b" }))).toThrow(
      "must be another plugin than the one itself",
    );
    expect(() => parseAnyIpam(configuration(undefined))).toThrow("ipam must be an object");
  });
});

describe("parseIpamConfiguration()", () => {
  test("knows where the agent of a node listens", () => {
    expect(parse({ type: "tke-eni-ipamc" })).toEqual({
      backend: { socket: "/run/tke-eni-agent/cni.sock" },
      releases: "/var/lib/tke-eni-agent/releases",
    });
  });

  test.each([
    ["unix:///run/a.sock", { socket: "/run/a.sock" }, "/run/a.sock"],
    ["/run/a.sock", { socket: "/run/a.sock" }, "/run/a.sock"],
    ["127.0.0.1:61677", { host: "127.0.0.1:61677" }, "127.0.0.1:61677"],
    ["localhost:61677", { host: "localhost:61677" }, "localhost:61677"],
    ["[::1]:61677", { host: "[::1]:61677" }, "[::1]:61677"],
  ])("takes the backend %s", (text, backend, shown) => {
    const parsed = parse({ type: "tke-eni-ipamc", backend: text });
    expect(parsed.backend).toEqual(backend as typeof parsed.backend);
    expect(formatBackend(parsed.backend)).toBe(shown);
  });

  test.each(["", "run/a.sock", "unix://run/a.sock", "127.0.0.1", "http://127.0.0.1:1/", "a:b"])(
    "refuses the backend %p",
    (backend) => {
      expect(() => parse({ type: "tke-eni-ipamc", backend })).toThrow(
        `network configuration: ipam.backend must be unix:// and an absolute path, an absolute path, or HOST:PORT, and is "${backend}"`,
      );
    },
  );

  test("refuses another type, and none", () => {
    expect(() => parse({ type: "host-local" })).toThrow(
      'ipam.type is "host-local", and only "tke-eni-ipamc" is supported',
    );
    expect(() => parse({})).toThrow("ipam.type must be a string that is not empty, and is missing");
    expect(() => parse(undefined)).toThrow("ipam must be an object");
  });

  test("refuses a folder of releases that depends on the current directory", () => {
    expect(() => parse({ type: "tke-eni-ipamc", releases: "releases" })).toThrow(
      "ipam.releases must be an absolute path",
    );
  });
});
