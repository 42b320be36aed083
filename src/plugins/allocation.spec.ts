import { describe, expect, test } from "bun:test";
import { CniError } from "../cni/error.ts";
import { parseIpAddress } from "../netlink/ip-address.ts";
import { parseAllocation } from "./allocation.ts";

const RESPONSE = {
  addresses: [{ address: "10.0.16.5", nodeAddress: "10.0.1.11", eniId: "eni-1" }],
  group: 4003,
  podsTable: 512,
  mtu: 1500,
};

describe("parseAllocation()", () => {
  test("reads an answer", () => {
    expect(parseAllocation(RESPONSE)).toEqual({
      addresses: [{ address: parseIpAddress("10.0.16.5"), nodeAddress: parseIpAddress("10.0.1.11") }],
      group: 4003,
      podsTable: 512,
      mtu: 1500,
    });
  });

  test("takes addresses of both families, and an IPv6 one without one of the node", () => {
    const addresses = [...RESPONSE.addresses, { address: "fd00::5" }];
    expect(parseAllocation({ ...RESPONSE, addresses }).addresses[1]).toEqual({
      address: parseIpAddress("fd00::5"),
      nodeAddress: undefined,
    });
  });

  test.each([
    ["addresses", { addresses: [] }],
    ["group", { group: 0 }],
    ["podsTable", { podsTable: 0 }],
    ["mtu", { mtu: 0 }],
    ["address", { addresses: [{ address: "10.0.16", nodeAddress: "10.0.1.11" }] }],
    ["nodeAddress", { addresses: [{ address: "10.0.16.5" }] }],
    ["nodeAddress", { addresses: [{ address: "fd00::5", nodeAddress: "10.0.1.11" }] }],
  ])("refuses an answer whose %s makes no sense: %j", (field, changes) => {
    expect(() => parseAllocation({ ...RESPONSE, ...changes })).toThrow(CniError);
    expect(() => parseAllocation({ ...RESPONSE, ...changes })).toThrow(`tke-eni-agent answered ${field} `);
  });
});
