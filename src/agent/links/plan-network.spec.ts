import { describe, expect, it } from "bun:test";
import { AF_INET, parseIpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import type { InstalledRoute } from "../../netlink/route.ts";
import type { InstalledRule, Rule } from "../../netlink/rule.ts";
import type { StoredEni } from "../store/agent-store.ts";
import type { ObservedNetwork } from "./observed-network.ts";
import { type ForeignNeeds, planNetwork } from "./plan-network.ts";

const eni: StoredEni = {
  eniId: "eni-1",
  mac: "20:90:6f:00:00:11",
  primaryIp: "10.0.16.10",
  gateway: "10.0.16.1",
  subnetId: "subnet-1",
  table: 4003,
  number: 1,
};

const NO_FOREIGN: ForeignNeeds = {
  addresses: [],
  isHeld: () => false,
  hasOwnLink: () => false,
  nodeAddress: "10.0.1.11",
};

const eth1: Link = {
  index: 3,
  name: "eth1",
  mac: eni.mac,
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
};

const address = {
  index: 3,
  prefix: parseIpPrefix("10.0.16.10/32"),
  scope: "global",
} as const;

const viaGateway: InstalledRoute = {
  destination: parseIpPrefix("0.0.0.0/0"),
  table: 4003,
  type: "unicast",
  scope: "global",
  protocol: 4,
  index: 3,
  gateway: parseIpAddress("10.0.16.1"),
  onlink: true,
};

const backstop: InstalledRoute = {
  destination: parseIpPrefix("0.0.0.0/0"),
  table: 4003,
  type: "unreachable",
  scope: "global",
  protocol: 4,
  metric: 4096,
};

function rule({ action = "lookup", ...fields }: Omit<Rule, "family">): InstalledRule {
  return { family: AF_INET, action, protocol: 4, inverted: false, ...fields };
}

const podsRule = rule({ priority: 512, table: 512 });
const markRule = rule({ priority: 1536, mark: { value: 0x10, mask: 0xf0 }, table: 4003 });
const fromRule = rule({ priority: 1537, from: parseIpPrefix("10.0.16.10"), table: 4003 });
const iifRule = rule({ priority: 1538, inputLink: "eth1", action: "unreachable" });

/** All that `eni` needs is there. */
const inPlace: ObservedNetwork = {
  links: [eth1],
  addresses: [address],
  routes: [viaGateway, backstop],
  rules: [podsRule, markRule, fromRule, iifRule],
};

function plan(observed: Partial<ObservedNetwork>, enis: readonly StoredEni[] = [eni]): string[] {
  return planNetwork({ ...inPlace, ...observed }, enis, NO_FOREIGN).map(({ message }) => message.act);
}

describe("planNetwork()", () => {
  it("does nothing when all is in place", () => {
    expect(plan({})).toEqual([]);
  });

  it("sets up a link that has just arrived, in an order in which each step can work", () => {
    expect(plan({ links: [{ ...eth1, up: false }], addresses: [], routes: [], rules: [] })).toEqual([
      'set link 3 {"up":true}',
      "add address 10.0.16.10/32 on link 3",
      "set route 0.0.0.0/0 by link 3 in table 4003",
      "set route 0.0.0.0/0 in table 4003",
      "add rule 512 lookup 512",
      "add rule 1536 lookup 4003",
      "add rule 1537 from 10.0.16.10/32 lookup 4003",
      "add rule 1538 unreachable",
    ]);
  });

  const missing: readonly [string, Partial<ObservedNetwork>, string][] = [
    ["a link that is down", { links: [{ ...eth1, up: false }] }, 'set link 3 {"up":true}'],
    ["the address", { addresses: [] }, "add address 10.0.16.10/32 on link 3"],
    ["the route", { routes: [backstop] }, "set route 0.0.0.0/0 by link 3 in table 4003"],
    ["the backstop", { routes: [viaGateway] }, "set route 0.0.0.0/0 in table 4003"],
    ["the pods' rule", { rules: [markRule, fromRule, iifRule] }, "add rule 512 lookup 512"],
    ["the mark rule", { rules: [podsRule, fromRule, iifRule] }, "add rule 1536 lookup 4003"],
    [
      "the from rule",
      { rules: [podsRule, markRule, iifRule] },
      "add rule 1537 from 10.0.16.10/32 lookup 4003",
    ],
    ["the iif rule", { rules: [podsRule, markRule, fromRule] }, "add rule 1538 unreachable"],
  ];
  it.each(missing)("mends %s, and touches nothing else", (_, observed, act) => {
    expect(plan(observed)).toEqual([act]);
  });

  it("says which ENI each act is for, and that removing is for none", () => {
    const acts = planNetwork(
      { ...inPlace, rules: [{ ...markRule, table: 4009 }], routes: [] },
      [eni],
      NO_FOREIGN,
    );
    expect(acts.map(({ eniId, message }) => [message.act, eniId])).toEqual([
      ["set route 0.0.0.0/0 by link 3 in table 4003", "eni-1"],
      ["set route 0.0.0.0/0 in table 4003", "eni-1"],
      ["delete rule 1536 lookup 4009", undefined],
      ["add rule 512 lookup 512", undefined],
      ["add rule 1536 lookup 4003", "eni-1"],
      ["add rule 1537 from 10.0.16.10/32 lookup 4003", "eni-1"],
      ["add rule 1538 unreachable", "eni-1"],
    ]);
  });

  describe("for pods with links of other plugins", () => {
    const bridge: Link = { ...eth1, index: 9, name: "cni0", mac: undefined, kind: "bridge" };
    const foreignFrom = (address: string, table = 4003) =>
      rule({ priority: 1540, from: parseIpPrefix(address), table });
    const foreignTo = (address: string) => rule({ priority: 513, to: parseIpPrefix(address), table: 254 });
    const podRoute = (address: string, index = 9): InstalledRoute => ({
      destination: parseIpPrefix(address),
      table: 512,
      type: "unicast",
      scope: "link",
      protocol: 4,
      index,
      source: parseIpAddress("10.0.1.11"),
    });
    const byPtp = { address: "10.0.16.5", eniId: "eni-1", device: "" };
    const byBridge = { address: "10.0.16.6", eniId: "eni-1", device: "cni0" };
    const needs: ForeignNeeds = {
      addresses: [byPtp, byBridge],
      isHeld: (address) => address === byPtp.address || address === byBridge.address,
      hasOwnLink: () => false,
      nodeAddress: "10.0.1.11",
    };
    const there: ObservedNetwork = {
      ...inPlace,
      links: [eth1, bridge],
      routes: [viaGateway, backstop, podRoute("10.0.16.6")],
      rules: [...inPlace.rules, foreignFrom("10.0.16.5"), foreignTo("10.0.16.5"), foreignFrom("10.0.16.6")],
    };
    const acts = (observed: Partial<ObservedNetwork>, foreign: ForeignNeeds = needs) =>
      planNetwork({ ...there, ...observed }, [eni], foreign).map(({ message }) => message.act);

    it("does nothing when all is in place", () => {
      expect(acts({})).toEqual([]);
    });

    it("makes rules by address, and a route to a pod behind a bridge", () => {
      expect(acts({ rules: inPlace.rules, routes: inPlace.routes })).toEqual([
        "add rule 1540 from 10.0.16.5/32 lookup 4003",
        "add rule 513 lookup 254",
        "add rule 1540 from 10.0.16.6/32 lookup 4003",
        "set route 10.0.16.6/32 by link 9 in table 512",
      ]);
    });

    it("waits for a bridge that is not there yet, and for the node's address", () => {
      expect(acts({ links: [eth1], routes: inPlace.routes })).toEqual([]);
      expect(acts({ routes: inPlace.routes }, { ...needs, nodeAddress: undefined })).toEqual([]);
    });

    it("puts right what leads elsewhere", () => {
      expect(acts({ routes: [viaGateway, backstop, podRoute("10.0.16.6", 3)] })).toEqual([
        "set route 10.0.16.6/32 by link 9 in table 512",
      ]);
      const rules = [
        ...inPlace.rules,
        foreignFrom("10.0.16.5", 4009),
        foreignTo("10.0.16.5"),
        foreignFrom("10.0.16.6"),
      ];
      expect(acts({ rules })).toEqual([
        "delete rule 1540 from 10.0.16.5/32 lookup 4009",
        "add rule 1540 from 10.0.16.5/32 lookup 4003",
      ]);
    });

    it("takes away what was for a pod that is gone, and nothing that is for one that holds the address", () => {
      const gone: ForeignNeeds = { ...needs, addresses: [] };
      expect(acts({}, { ...gone, isHeld: () => false })).toEqual([
        "delete rule 1540 from 10.0.16.5/32 lookup 4003",
        "delete rule 513 lookup 254",
        "delete rule 1540 from 10.0.16.6/32 lookup 4003",
        "delete route 10.0.16.6/32 by link 9 in table 512",
      ]);
      // The store was lost, and nobody could say what kind of link it is.
      expect(acts({}, gone)).toEqual([]);
      // The next pod came at once, and has a link of our own.
      expect(acts({}, { ...gone, hasOwnLink: (address) => address === "10.0.16.5" })).toEqual([
        "delete rule 1540 from 10.0.16.5/32 lookup 4003",
        "delete rule 513 lookup 254",
      ]);
    });

    it("leaves routes to pods with links of our own to those links", () => {
      const own: Link = {
        ...eth1,
        index: 20,
        name: "eni1",
        mac: undefined,
        group: 4003,
        alias: "c1",
        kind: "veth",
      };
      expect(
        acts({ links: [eth1, bridge, own], routes: [...there.routes, podRoute("10.0.16.9", 20)] }),
      ).toEqual([]);
    });
  });

  const wrong: readonly [string, Partial<ObservedNetwork>, string[]][] = [
    [
      "an address with a network, which would bring a connected route",
      { addresses: [{ ...address, prefix: parseIpPrefix("10.0.16.10/24") }] },
      ["delete address 10.0.16.10/24 on link 3", "add address 10.0.16.10/32 on link 3"],
    ],
    [
      "another gateway",
      { routes: [{ ...viaGateway, gateway: parseIpAddress("10.0.16.9") }, backstop] },
      ["set route 0.0.0.0/0 by link 3 in table 4003"],
    ],
    [
      "a mark that leads to another ENI's table",
      { rules: [podsRule, { ...markRule, table: 4009 }, fromRule, iifRule] },
      ["delete rule 1536 lookup 4009", "add rule 1536 lookup 4003"],
    ],
    ["a rule that is there twice", { rules: [...inPlace.rules, markRule] }, ["delete rule 1536 lookup 4003"]],
    [
      "an iif rule under the link's former name",
      { rules: [podsRule, markRule, fromRule, { ...iifRule, inputLink: "ens5" }] },
      ["delete rule 1538 unreachable", "add rule 1538 unreachable"],
    ],
  ];
  it.each(wrong)("corrects %s", (_, observed, acts) => {
    expect(plan(observed)).toEqual(acts);
  });

  it("keeps the way to `unreachable` for pods whose ENI has lost its link", () => {
    expect(plan({ links: [], addresses: [], routes: [backstop] })).toEqual(["delete rule 1538 unreachable"]);
  });

  it("takes away what an ENI without numbers has left", () => {
    expect(plan({}, [])).toEqual([
      "delete rule 1536 lookup 4003",
      "delete rule 1537 from 10.0.16.10/32 lookup 4003",
      "delete rule 1538 unreachable",
      "delete route 0.0.0.0/0 by link 3 in table 4003",
      "delete route 0.0.0.0/0 in table 4003",
    ]);
  });

  it("leaves alone what is not recognisably ours", () => {
    const foreign: Partial<ObservedNetwork> = {
      links: [
        eth1,
        { ...eth1, index: 9, name: "docker0", mac: "02:42:00:00:00:01", up: false, kind: "bridge" },
      ],
      addresses: [address, { ...address, prefix: parseIpPrefix("192.0.2.9/24") }],
      routes: [
        viaGateway,
        backstop,
        { ...viaGateway, table: 100 },
        { ...viaGateway, table: 254 },
        { ...viaGateway, table: 9000, onlink: false },
        { ...backstop, table: 9000, metric: 1 },
        { ...viaGateway, table: 9000, destination: parseIpPrefix("192.0.2.0/24") },
      ],
      rules: [
        ...inPlace.rules,
        rule({ priority: 100, mark: { value: 0x4000, mask: 0x4000 }, table: 4100 }),
        rule({ priority: 512, table: 100 }),
        rule({ priority: 1536, mark: { value: 1, mask: 1 }, table: 4100 }),
        rule({ priority: 1536, mark: { value: 0x10, mask: 0xf0 }, table: 100 }),
        rule({ priority: 1537, from: parseIpPrefix("192.0.2.1"), table: 254 }),
        rule({ priority: 1538, inputLink: "eth9", table: 100 }),
        { ...markRule, table: 4100, inverted: true },
      ],
    };
    expect(plan(foreign)).toEqual([]);
  });
});
