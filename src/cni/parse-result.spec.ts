import { describe, expect, test } from "bun:test";
import { JsonObject } from "./json-object.ts";
import { parseResult } from "./parse-result.ts";
import type { Result } from "./result.ts";
import { specVersion } from "./version.ts";

const RESULT: Result = {
  interfaces: [
    { name: "eni1", mac: "02:00:00:00:00:01" },
    { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/a" },
  ],
  ips: [{ address: "10.0.16.5/32", gateway: "169.254.1.1", interface: 1 }],
  routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }, { dst: "10.0.0.0/8" }],
  dns: { nameservers: ["10.0.0.2"], domain: "a", search: ["a", "b"], options: ["ndots:5"] },
};

function parse(result: unknown): Result {
  return parseResult(JsonObject.parse(JSON.stringify(result), "the result"));
}

describe("parseResult()", () => {
  test.each(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])("reads what %s writes", (name) => {
    expect(parse(specVersion(name).encodeResult(RESULT))).toEqual(RESULT);
  });

  test("keeps what only 1.1.0 has", () => {
    const [first] = RESULT.interfaces ?? [];
    const result = {
      ...RESULT,
      interfaces: [{ name: "eth0", ...first, mtu: 1500, socketPath: "/a", pciID: "b" }],
      routes: [{ dst: "0.0.0.0/0", mtu: 1, advmss: 2, priority: 3, table: 4, scope: 253 }],
    };
    expect(parse(result)).toEqual(result);
  });

  test("reads what plugins wrote before 0.3.0", () => {
    expect(
      parse({
        cniVersion: "0.2.0",
        ip4: { ip: "10.1.0.5/16", gateway: "10.1.0.1", routes: [{ dst: "0.0.0.0/0" }] },
        ip6: { ip: "fd00::5/64" },
      }),
    ).toEqual({
      ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }, { address: "fd00::5/64" }],
      routes: [{ dst: "0.0.0.0/0" }],
    });
  });

  test("takes absent lists for empty ones", () => {
    expect(parse({ cniVersion: "1.0.0", ips: null })).toEqual({ ips: [], routes: [] });
  });

  test.each([
    [{ ips: {} }, "the result: ips must be a list of objects, and is {}"],
    [
      { ips: [{ gateway: "a" }] },
      "the result: ips[0].address must be a string that is not empty, and is missing",
    ],
    [{ interfaces: [{ name: 1 }] }, "the result: interfaces[0].name must be a string, and is 1"],
    [{ routes: [{ dst: "a", scope: -1 }] }, "the result: routes[0].scope must be a whole number"],
    [{ dns: { search: "a" } }, 'the result: dns.search must be a list of strings, and is "a"'],
  ])("refuses %j by the key's name", (result, message) => {
    expect(() => parse(result)).toThrow(message);
  });
});
