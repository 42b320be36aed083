import { describe, expect, it } from "bun:test";
import { parseIpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import type { InstalledRoute } from "../../netlink/route.ts";
import type { ObservedNetwork } from "./observed-network.ts";
import { findEniLink, findPrimary } from "./primary-link.ts";

function link(fields: Pick<Link, "index" | "name"> & Partial<Link>): Link {
  return {
    mac: `02:00:00:00:00:0${fields.index}`,
    group: 0,
    alias: undefined,
    mtu: 1500,
    flags: 0,
    up: true,
    lowerUp: true,
    kind: undefined,
    master: undefined,
    peerIndex: undefined,
    peerNetnsId: undefined,
    ...fields,
  };
}

function address(index: number, prefix: string) {
  return { index, prefix: parseIpPrefix(prefix), scope: "global" } as const;
}

function defaultRoute(fields: Partial<InstalledRoute>): InstalledRoute {
  return {
    destination: parseIpPrefix("0.0.0.0/0"),
    table: 254,
    type: "unicast",
    scope: "global",
    protocol: 3,
    gateway: parseIpAddress("10.0.1.1"),
    ...fields,
  };
}

const node: ObservedNetwork = {
  links: [link({ index: 1, name: "lo" }), link({ index: 2, name: "eth0" }), link({ index: 3, name: "eth1" })],
  addresses: [address(2, "10.0.1.11/24"), address(2, "10.0.1.200/32"), address(3, "10.0.16.10/32")],
  routes: [defaultRoute({ index: 2, metric: 100 })],
  rules: [],
};

describe("findPrimary()", () => {
  const cases: readonly [
    string,
    Partial<ObservedNetwork>,
    string | undefined,
    [string, string] | undefined,
  ][] = [
    ["the link of the default route, with its first address", {}, undefined, ["eth0", "10.0.1.11"]],
    ["the InternalIP where a link has it", {}, "10.0.1.200", ["eth0", "10.0.1.200"]],
    ["an InternalIP that no link has (behind a NAT)", {}, "203.0.113.1", ["eth0", "10.0.1.11"]],
    [
      "the default route of the lowest metric",
      { routes: [defaultRoute({ index: 3, metric: 200 }), defaultRoute({ index: 2 })] },
      undefined,
      ["eth0", "10.0.1.11"],
    ],
    ["the InternalIP's link without a default route", { routes: [] }, "10.0.1.11", ["eth0", "10.0.1.11"]],
    [
      "none: default routes of other tables do not count",
      { routes: [defaultRoute({ index: 2, table: 4003 })] },
      undefined,
      undefined,
    ],
    [
      "none: an unreachable default route is no way out",
      { routes: [defaultRoute({ type: "unreachable" })] },
      undefined,
      undefined,
    ],
    ["none: the link has no address", { addresses: [] }, undefined, undefined],
  ];
  it.each(cases)("%s", (_, observed, internalIp, expected) => {
    const primary = findPrimary({ ...node, ...observed }, internalIp);
    expect(primary && [primary.link.name, primary.address]).toEqual(expected);
  });
});

describe("findEniLink()", () => {
  const mac = "20:90:6f:00:00:11";
  const cases: readonly [string, Partial<Link>, boolean][] = [
    ["a physical link", {}, true],
    ["a veth, as simulated VPCs have", { kind: "veth" }, true],
    ["a link that is down", { up: false, lowerUp: false }, true],
    ["a VLAN on top of one", { kind: "vlan" }, false],
    ["a bridge that took over its MAC", { kind: "bridge" }, false],
    ["the host end of a pod's veth", { kind: "veth", group: 4003 }, false],
    ["another MAC", { mac: "20:90:6f:00:00:12" }, false],
  ];
  it.each(cases)("%s", (_, fields, found) => {
    const candidate = link({ index: 7, name: "eth7", mac, ...fields });
    expect(findEniLink({ ...node, links: [...node.links, candidate] }, mac)).toEqual(
      found ? candidate : undefined,
    );
  });
});
