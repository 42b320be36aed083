import { describe, expect, test } from "bun:test";
import { parseNetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";
import { formatIpAddress, formatIpPrefix } from "../netlink/ip-address.ts";
import { allocationOf } from "./delegated-allocation.ts";

function allocation(result: Partial<Result>, more: object = {}) {
  const text = JSON.stringify({ cniVersion: "1.1.0", name: "a", type: "b", ...more });
  const {
    addresses,
    destinations = [],
    ...rest
  } = allocationOf({ ips: [], routes: [], ...result }, { configuration: parseNetworkConfiguration(text) });
  return {
    ...rest,
    addresses: addresses.map(({ address }) => formatIpAddress(address)),
    destinations: destinations.map(formatIpPrefix),
  };
}

describe("allocationOf()", () => {
  test("has whole addresses, of no group, with their route in main", () => {
    expect(allocation({ ips: [{ address: "10.22.5.9/20" }, { address: "fd00:22::9/60" }] })).toEqual({
      addresses: ["10.22.5.9", "fd00:22::9"],
      destinations: ["10.22.0.0/20", "fd00:22::/60"],
      group: 0,
      podsTable: 254,
      mtu: 1500,
    });
  });

  test("leads to where the plugin says, and to no subnet of an address that has none", () => {
    const ips = [{ address: "10.22.5.9/32" }, { address: "fd00:22::9/128" }];
    const routes = [{ dst: "0.0.0.0/0", gw: "10.22.0.1" }, { dst: "fd00::/8" }];
    expect(allocation({ ips, routes }).destinations).toEqual(["0.0.0.0/0", "fd00::/8"]);
  });

  test("takes the configuration's MTU", () => {
    expect(allocation({ ips: [{ address: "10.22.5.9/24" }] }, { mtu: 1400 }).mtu).toBe(1400);
  });

  test.each([
    [{ ips: [] }, "has no ips"],
    [{ ips: [{ address: "10.22.5" }] }, '"10.22.5" is not an IP address'],
    [{ ips: [{ address: "10.22.5.9/33" }] }, "10.22.5.9/33"],
    [{ ips: [{ address: "10.22.5.9/24" }], routes: [{ dst: "everywhere" }] }, '"everywhere"'],
  ])("refuses %j", (result, message) => {
    expect(() => allocation(result)).toThrow(message);
  });
});
