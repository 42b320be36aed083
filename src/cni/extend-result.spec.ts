import { expect, test } from "bun:test";
import { extendResult } from "./extend-result.ts";

test("extendResult() adds to what the plugins before told, whose interfaces come first", () => {
  const before = {
    interfaces: [{ name: "a" }, { name: "b", sandbox: "/n" }],
    ips: [{ address: "10.1.0.5/16", interface: 1 }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: { domain: "before" },
  };
  const own = {
    interfaces: [{ name: "c" }, { name: "d", sandbox: "/n" }],
    ips: [{ address: "10.0.16.5/32", interface: 1 }, { address: "10.0.16.6/32" }],
    routes: [{ dst: "10.0.0.0/8" }],
  };
  expect(extendResult(before, own)).toEqual({
    interfaces: [...before.interfaces, ...own.interfaces],
    ips: [
      { address: "10.1.0.5/16", interface: 1 },
      { address: "10.0.16.5/32", interface: 3 },
      { address: "10.0.16.6/32" },
    ],
    routes: [...before.routes, ...own.routes],
    dns: { domain: "before" },
  });
  expect(extendResult({ ips: [], routes: [] }, { ...own, dns: { domain: "own" } })).toEqual({
    ...own,
    dns: { domain: "own" },
  });
});
