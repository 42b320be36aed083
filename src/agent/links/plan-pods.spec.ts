import { describe, expect, it } from "bun:test";
import { podLinkName } from "../../api/pod-link-name.ts";
import { parseIpAddress, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import type { InstalledRoute } from "../../netlink/route.ts";
import { FOUND_BY_VETH, type Holding, type PooledAddress } from "../pool/pool-state.ts";
import { type PodNeeds, planPods } from "./plan-pods.ts";

const NODE_ADDRESS = "10.0.1.11";

function attachment(podName: string, ifName = "eth0") {
  return { containerId: `c-${podName}`, ifName, podNamespace: "default", podName, podUid: "" };
}

function inUse(address: string, podName: string, more: Partial<PooledAddress> = {}): PooledAddress {
  const object = { uid: `u-${address}`, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  const holding = { kind: "in-use", attachment: attachment(podName), netns: "", since: 0 } as const;
  return { address, eniId: "eni-1", subnetId: "subnet-1", object, holding, ...more };
}

function nameOf(podName: string, ifName = "eth0"): string {
  return podLinkName({ pod: { namespace: "default", name: podName }, containerId: "", ifName });
}

function link(index: number, podName: string, more: Partial<Link> = {}): Link {
  return {
    index,
    name: nameOf(podName),
    mac: "02:00:00:00:00:01",
    group: 4003,
    alias: `c-${podName}`,
    mtu: 1500,
    flags: 0,
    up: true,
    lowerUp: true,
    kind: "veth",
    master: undefined,
    peerIndex: undefined,
    peerNetnsId: undefined,
    rpFilter: 1,
    forwarding: 1,
    ...more,
  };
}

function route(address: string, index: number, more: Partial<InstalledRoute> = {}): InstalledRoute {
  return {
    destination: parseIpPrefix(address),
    table: 512,
    type: "unicast",
    scope: "link",
    protocol: 4,
    index,
    source: parseIpAddress(NODE_ADDRESS),
    ...more,
  };
}

function plan(
  addresses: readonly PooledAddress[],
  { links = [], routes = [] }: { links?: readonly Link[]; routes?: readonly InstalledRoute[] },
  more: Partial<PodNeeds> = {},
) {
  const { findings, strangers } = planPods(
    { links, routes, addresses: [], rules: [] },
    {
      addresses: new Map(addresses.map((record) => [record.address, record])),
      enis: [
        { eniId: "eni-1", table: 4003 },
        { eniId: "eni-2", table: 4004 },
      ],
      nodeAddress: NODE_ADDRESS,
      ...more,
    },
  );
  return {
    found: findings.map(({ key, acts }) => `${key}: ${acts.map(({ act }) => act).join("; ")}`),
    strangers,
  };
}

const web = inUse("10.0.16.5", "web-0");
const nothing = { found: [], strangers: [] };

describe("planPods()", () => {
  it("leaves alone what is as it should be", () => {
    const kernel = { links: [link(9, "web-0")], routes: [route("10.0.16.5", 9)] };
    expect(plan([web], kernel)).toEqual(nothing);
  });

  it("brings all of a link and its route back", () => {
    const broken = { group: 4004, up: false, rpFilter: 2 };
    expect(plan([web], { links: [link(9, "web-0", broken)] }).found).toEqual([
      'pod-group 10.0.16.5: set link 9 {"group":4003}',
      'pod-sysctl 10.0.16.5: set link 9 {"rpFilter":1,"forwarding":1}',
      'pod-down 10.0.16.5: set link 9 {"up":true}',
      "pod-route 10.0.16.5: set route 10.0.16.5/32 by link 9 in table 512",
    ]);
  });

  it("knows nothing of settings that the kernel does not tell", () => {
    const kernel = {
      links: [link(9, "web-0", { rpFilter: undefined, forwarding: undefined })],
      routes: [route("10.0.16.5", 9)],
    };
    expect(plan([web], kernel)).toEqual(nothing);
  });

  it("waits for the node's own address before it touches a route", () => {
    expect(plan([web], { links: [link(9, "web-0")] }, { nodeAddress: undefined }).found).toEqual([]);
  });

  it("does not touch what a DEL has retired, nor makes what an ADD has not made yet", () => {
    const retired = link(9, "web-0", { group: 3999, up: false, name: "gone9" });
    expect(plan([web], { links: [retired] }).found).toEqual(["pod-link-lost 10.0.16.5: "]);
    const unfinished = link(10, "web-0", { alias: undefined, up: false });
    expect(plan([web], { links: [unfinished] }).found).toEqual(["pod-link-lost 10.0.16.5: "]);
  });

  it("names a pod whose link has gone, and only one that a kubelet knows", () => {
    const found = inUse("10.0.16.6", "web-1", {
      holding: { ...inUse("", "web-1").holding, netns: FOUND_BY_VETH } as Holding,
    });
    expect(plan([web, found], {}).found).toEqual(["pod-link-lost 10.0.16.5: "]);
  });

  it("gives a link its alias back where name and route both say whose it is, or nobody else's alias is there", () => {
    const routes = [route("10.0.16.5", 9)];
    const alias = ['pod-alias 10.0.16.5: set link 9 {"alias":"c-web-0"}'];
    expect(plan([web], { links: [link(9, "web-0", { alias: "x" })], routes }).found).toEqual(alias);
    expect(plan([web], { links: [link(9, "web-0", { alias: undefined })], routes }).found).toEqual(alias);
    // Of a newer sandbox of the same pod.
    const other = inUse("10.0.16.6", "web-0", {
      holding: {
        kind: "in-use",
        attachment: { ...attachment("web-0"), containerId: "new" },
        netns: "",
        since: 0,
      },
    });
    const newer = link(9, "web-0", { alias: "new" });
    expect(plan([web, other], { links: [newer], routes: [route("10.0.16.6", 9)] }).found).toEqual([
      "pod-link-lost 10.0.16.5: ",
    ]);
  });

  it("tells links of one container apart by their names", () => {
    const net1 = inUse("10.0.16.7", "web-0", {
      holding: { kind: "in-use", attachment: attachment("web-0", "net1"), netns: "", since: 0 },
    });
    const links = [link(9, "web-0", { name: nameOf("web-0", "net1") }), link(10, "web-0")];
    expect(plan([web, net1], { links }).found).toEqual([
      "pod-route 10.0.16.5: set route 10.0.16.5/32 by link 10 in table 512",
      "pod-route 10.0.16.7: set route 10.0.16.7/32 by link 9 in table 512",
    ]);
  });

  it("names a second link of a container, and leads the route back to the first", () => {
    const links = [link(9, "web-0"), link(10, "web-0", { name: "copy" })];
    expect(plan([web], { links, routes: [route("10.0.16.5", 10)] }).found).toEqual([
      "pod-link-twice 10: ",
      "pod-route 10.0.16.5: set route 10.0.16.5/32 by link 9 in table 512",
    ]);
  });

  it("finds fault with no second link that is of a network with another IPAM plugin", () => {
    const links = [link(9, "web-0"), link(10, "web-0", { name: "eni-of-net1", group: 0 })];
    expect(plan([web], { links, routes: [route("10.0.16.5", 9)] }).found).toEqual([]);
  });

  it("never takes a link of another IPAM plugin's network for one that an ADD has not made yet", () => {
    const net1 = inUse("10.0.16.7", "web-0", {
      holding: { kind: "in-use", attachment: attachment("web-0", "net1"), netns: "", since: 0 },
    });
    // Its eth0 has another IPAM plugin; nobody has a record of it.
    expect(plan([net1], { links: [link(9, "web-0", { group: 0 })] }).found).toEqual([
      "pod-link-lost 10.0.16.7: ",
    ]);
  });

  it("takes a route away that competes, and one of another address", () => {
    const kernel = {
      links: [link(9, "web-0")],
      routes: [route("10.0.16.5", 9), route("10.0.16.5", 2), route("10.0.16.6", 9)],
    };
    expect(plan([web], kernel)).toEqual({
      found: [
        "pod-route 10.0.16.5: delete route 10.0.16.5/32 by link 2 in table 512",
        "pod-route-surplus 10.0.16.6: delete route 10.0.16.6/32 by link 9 in table 512",
      ],
      strangers: [],
    });
  });

  it("does not choose between the address that was given and the one that the link has", () => {
    const kernel = { links: [link(9, "web-0")], routes: [route("10.0.16.6", 9)] };
    expect(plan([web], kernel)).toEqual({
      found: ["two-holders 10.0.16.5: "],
      strangers: [
        { address: "10.0.16.6", containerId: "c-web-0", linkName: nameOf("web-0"), eniId: "eni-1" },
      ],
    });
  });

  it("sees strangers: holders of what is free, rests after another, or is not known", () => {
    const free: PooledAddress = {
      ...inUse("10.0.16.6", ""),
      holding: { kind: "free", since: 0, restingSince: 0 },
    };
    const resting = (address: string, containerId: string): PooledAddress => ({
      ...inUse(address, ""),
      holding: {
        kind: "cooling-down",
        containerId,
        ifName: "eth0",
        since: 0,
        restingSince: 0,
        vethGone: false,
      },
    });
    const links = [6, 7, 8, 9].map((at) => link(at, `pod-${at}`, { group: 4004 }));
    const routes = [6, 7, 8, 9].map((at) => route(`10.0.16.${at}`, at));
    const records = [free, resting("10.0.16.7", "other"), resting("10.0.16.8", "c-pod-8")];
    const { found, strangers } = plan(records, { links, routes });
    expect(found).toEqual([]);
    expect(strangers.map(({ address, containerId, eniId }) => `${address} ${containerId} ${eniId}`)).toEqual([
      "10.0.16.6 c-pod-6 eni-2",
      "10.0.16.7 c-pod-7 eni-2",
      "10.0.16.9 c-pod-9 eni-2",
    ]);
  });

  it("names two holders of one address, and touches neither", () => {
    const promised: PooledAddress = {
      ...inUse("10.0.16.6", ""),
      holding: { kind: "reclaimable", token: "t", since: 0 },
    };
    const links = [link(8, "other-0"), link(9, "other-1")];
    const routes = [route("10.0.16.5", 8), route("10.0.16.6", 9)];
    const { found, strangers } = plan([web, promised], { links, routes });
    expect(found).toEqual([
      "pod-link-lost 10.0.16.5: ",
      "two-holders 10.0.16.5: ",
      "two-holders 10.0.16.6: ",
    ]);
    expect(strangers).toHaveLength(2);
  });

  it("leaves a pod as it is while it is not known what became of its address, and cuts it off when that is another node's", () => {
    const kernel = { links: [link(9, "web-0")], routes: [route("10.0.16.5", 9)] };
    const orphan = { ...web, object: undefined };
    expect(plan([orphan], { links: kernel.links })).toEqual(nothing);
    expect(plan([{ ...orphan, orphan: "absent" }], { links: kernel.links }).found).toHaveLength(1);
    expect(plan([{ ...orphan, orphan: "elsewhere" }], kernel).found).toEqual([
      'address-elsewhere 10.0.16.5: delete route 10.0.16.5/32 by link 9 in table 512; set link 9 {"up":false}',
    ]);
    const fenced = { links: [link(9, "web-0", { up: false })] };
    expect(plan([{ ...orphan, orphan: "elsewhere" }], fenced).found).toEqual([
      "address-elsewhere 10.0.16.5: ",
    ]);
  });
});
