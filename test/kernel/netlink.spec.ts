import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { addAddress, deleteAddress, dumpAddresses, replaceAddress } from "../../src/netlink/address.ts";
import { SystemCallError } from "../../src/netlink/errno.ts";
import {
  AF_INET,
  AF_INET6,
  formatIpAddress,
  formatIpPrefix,
  parseIpAddress,
  parseIpPrefix,
} from "../../src/netlink/ip-address.ts";
import {
  createVeth,
  deleteLink,
  deleteLinkByName,
  deleteLinkGroup,
  dumpLinks,
  getLink,
  setLink,
} from "../../src/netlink/link.ts";
import { tolerating } from "../../src/netlink/message.ts";
import { NetlinkMonitor } from "../../src/netlink/monitor.ts";
import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { deleteNeighbour, dumpNeighbours, setPermanentNeighbour } from "../../src/netlink/neighbour.ts";
import { NetlinkError } from "../../src/netlink/netlink-error.ts";
import { addRoute, deleteRoute, dumpRoutes, replaceRoute } from "../../src/netlink/route.ts";
import { addRule, deleteRule, dumpRules } from "../../src/netlink/rule.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const namespaces = new ThrowAwayNamespaces("tknl");
afterAll(() => namespaces.removeAll());

let pod: ThrowAwayNamespace;
let host: ThrowAwayNamespace;
let inPod: NetlinkSocket;
let inHost: NetlinkSocket;

beforeEach(() => {
  pod = namespaces.make("pod");
  host = namespaces.make("host");
  inPod = NetlinkSocket.open({ namespace: pod.path });
  inHost = NetlinkSocket.open({ namespace: host.path });
});

afterEach(() => {
  inPod.close();
  inHost.close();
  namespaces.removeAll();
});

/** A veth from the pod's namespace (index 100, up) to the host's (index 200). */
function connect(): void {
  using there = NetworkNamespace.open(host.path);
  inPod.batch([
    createVeth({
      name: "eth0",
      index: 100,
      mac: "02:00:00:00:00:01",
      mtu: 1400,
      up: true,
      peer: { name: "eni0", index: 200, mac: "02:00:00:00:00:02", mtu: 1400, group: 4003, netnsFd: there.fd },
    }),
  ]);
}

/** What went wrong in `act`, which must fail. */
function failureOf(act: () => unknown): NetlinkError {
  try {
    act();
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("links", () => {
  test("a veth is born in two namespaces with the names, indexes, MACs, MTU and group that were asked for", () => {
    connect();
    expect(pod.ip("link", "show", "eth0")).toMatchObject([
      { ifindex: 100, address: "02:00:00:00:00:01", mtu: 1400, flags: expect.arrayContaining(["UP"]) },
    ]);
    expect(host.ip("link", "show", "eni0")).toMatchObject([
      { ifindex: 200, address: "02:00:00:00:00:02", mtu: 1400, group: "4003", operstate: "DOWN" },
    ]);
  });

  test("setLink() changes what it names and nothing else", () => {
    connect();
    inHost.batch([setLink(200, { up: true, alias: "sandbox-1", rpFilter: 1 })]);
    expect(host.ip("link", "show", "eni0")).toMatchObject([
      { ifalias: "sandbox-1", group: "4003", mtu: 1400, flags: expect.arrayContaining(["UP", "LOWER_UP"]) },
    ]);
    expect(host.run("cat", "/proc/sys/net/ipv4/conf/eni0/rp_filter").trim()).toBe("1");

    inHost.batch([
      setLink(200, { up: false }),
      setLink(200, { name: "gone", group: 3999, mtu: 1300, mac: "02:00:00:00:00:03" }),
    ]);
    expect(host.ip("link", "show", "gone")).toMatchObject([
      { ifindex: 200, ifalias: "sandbox-1", group: "3999", mtu: 1300, address: "02:00:00:00:00:03" },
    ]);
  });

  test("dumpLinks() tells the IPv4 settings of each link, and the monitor their changes", () => {
    connect();
    using monitor = NetlinkMonitor.open({ namespace: host.path, groups: ["ipv4-settings"] });
    inHost.batch([setLink(200, { rpFilter: 2, forwarding: 1 })]);
    const settings = () => inHost.dump(dumpLinks()).find(({ index }) => index === 200);
    expect(settings()).toMatchObject({ rpFilter: 2, forwarding: 1 });
    host.run("sysctl", "-qw", "net.ipv4.conf.eni0.rp_filter=0", "net.ipv4.conf.eni0.forwarding=0");
    expect(settings()).toMatchObject({ rpFilter: 0, forwarding: 0 });
    expect(monitor.drain().notifications).toMatchObject([
      { kind: "settings", settings: { index: 200, rpFilter: 0 } },
      { kind: "settings", settings: { index: 200, forwarding: 0 } },
    ]);
  });

  test("setLink() moves a link into another namespace", () => {
    connect();
    using there = NetworkNamespace.open(pod.path);
    inHost.batch([setLink(200, { netnsFd: there.fd, name: "moved" })]);
    expect(pod.ip("link", "show", "moved")).toMatchObject([{ ifindex: 200 }]);
    expect(inHost.get(getLink({ index: 200 }))).toBeUndefined();
  });

  test("dumpLinks() and getLink() tell the same as ip", () => {
    connect();
    inHost.batch([setLink(200, { up: true, alias: "sandbox-1" })]);
    const told = inHost.dump(dumpLinks());
    expect(told.map(({ index, name, mtu, mac, alias }) => ({ index, name, mtu, mac, alias }))).toEqual(
      // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON
      host.ip("link", "show").map((link: any) => ({
        index: link.ifindex,
        name: link.ifname,
        mtu: link.mtu,
        mac: link.address,
        alias: link.ifalias,
      })),
    );
    expect(told.find(({ name }) => name === "eni0")).toMatchObject({
      kind: "veth",
      group: 4003,
      up: true,
      lowerUp: true,
      peerIndex: 100,
    });
    expect(inHost.get(getLink({ name: "eni0" }))).toMatchObject({ index: 200 });
    expect(inHost.get(getLink({ name: "nobody" }))).toBeUndefined();
  });

  test("deleting takes one link by index or name, or a whole group and no other", () => {
    for (const [index, group] of [
      [301, 3999],
      [302, 3999],
      [303, 4003],
      [304, 4003],
    ] as const) {
      inHost.batch([createVeth({ name: `l${index}`, index, group, peer: { name: `p${index}` } })]);
    }
    inHost.batch([deleteLinkGroup(3999)]);
    inHost.batch([deleteLink(303)]);
    expect(inHost.dump(dumpLinks()).map(({ name }) => name)).toEqual(["lo", "p304", "l304"]);
    inHost.batch([deleteLinkByName("l304")]);
    expect(inHost.dump(dumpLinks()).map(({ name }) => name)).toEqual(["lo"]);
    expect(failureOf(() => inHost.batch([deleteLinkGroup(3999)])).errno).toBe("ENODEV");
  });
});

describe("addresses", () => {
  test.each(["10.0.16.5/32", "10.0.16.6/24", "fd00::5/128"])("%s comes, is listed, and goes", (text) => {
    connect();
    const prefix = parseIpPrefix(text);
    const listed = () =>
      inPod
        .dump(dumpAddresses({ index: 100, family: prefix.address.family }))
        .map((a) => formatIpPrefix(a.prefix));
    inPod.batch([addAddress({ index: 100, prefix })]);
    expect(listed()).toContain(text);
    const [address, length] = text.split("/");
    const [shown] = pod.ip("address", "show", "dev", "eth0", "to", text);
    expect(shown.addr_info).toMatchObject([{ local: address, prefixlen: Number(length), scope: "global" }]);
    expect(shown.addr_info[0].tentative).toBeUndefined();

    expect(failureOf(() => inPod.batch([addAddress({ index: 100, prefix })])).errno).toBe("EEXIST");
    inPod.batch([replaceAddress({ index: 100, prefix })]);
    inPod.batch([deleteAddress({ index: 100, prefix })]);
    expect(listed()).not.toContain(text);
    expect(failureOf(() => inPod.batch([deleteAddress({ index: 100, prefix })])).errno).toBe("EADDRNOTAVAIL");
  });
});

describe("routes", () => {
  const destination = parseIpPrefix("10.0.16.5");

  beforeEach(() => {
    connect();
    inHost.batch([setLink(200, { up: true }), addAddress({ index: 1, prefix: parseIpPrefix("10.0.1.11") })]);
  });

  test("a pod's route stands in the pods table with its source", () => {
    inHost.batch([addRoute({ destination, index: 200, table: 512, source: parseIpAddress("10.0.1.11") })]);
    expect(host.ip("route", "show", "table", "512")).toMatchObject([
      { dst: "10.0.16.5", dev: "eni0", scope: "link", prefsrc: "10.0.1.11", protocol: "static" },
    ]);
    expect(inHost.dump(dumpRoutes({ table: 512 }))).toMatchObject([
      {
        destination,
        index: 200,
        table: 512,
        source: parseIpAddress("10.0.1.11"),
        scope: "link",
        type: "unicast",
      },
    ]);

    inHost.batch([deleteRoute({ destination, index: 200, table: 512 })]);
    expect(inHost.dump(dumpRoutes({ table: 512 }))).toEqual([]);
    expect(failureOf(() => inHost.batch([deleteRoute({ destination, table: 512 })])).errno).toBe("ESRCH");
  });

  test("an ENI's table has a gateway that no address of the link reaches, and a backstop behind it", () => {
    const everywhere = parseIpPrefix("0.0.0.0/0");
    const gateway = parseIpAddress("10.0.16.1");
    inHost.batch([
      addRoute({ destination: everywhere, gateway, index: 200, onlink: true, table: 4003 }),
      addRoute({ destination: everywhere, type: "unreachable", metric: 4096, table: 4003 }),
    ]);
    expect(host.ip("route", "show", "table", "4003")).toMatchObject([
      { dst: "default", gateway: "10.0.16.1", dev: "eni0", flags: ["onlink"] },
      { type: "unreachable", dst: "default", metric: 4096 },
    ]);
    expect(inHost.dump(dumpRoutes({ table: 4003 }))).toMatchObject([
      { destination: everywhere, gateway, onlink: true, index: 200 },
      { destination: everywhere, type: "unreachable", metric: 4096 },
    ]);
  });

  test("replaceRoute() leaves one route where there was another", () => {
    const replaced = { destination, table: 512, source: parseIpAddress("10.0.1.11") };
    inHost.batch([
      addRoute({ destination, index: 1, table: 512 }),
      replaceRoute({ ...replaced, index: 200 }),
    ]);
    expect(inHost.dump(dumpRoutes({ table: 512 }))).toMatchObject([{ ...replaced, index: 200 }]);
  });

  test("IPv6 routes go the same way", () => {
    const prefix = parseIpPrefix("fd00::5");
    inHost.batch([addRoute({ destination: prefix, index: 200, table: 512 })]);
    expect(inHost.dump(dumpRoutes({ table: 512, family: AF_INET6 }))).toMatchObject([
      { destination: prefix, index: 200 },
    ]);
    expect(host.ip("-6", "route", "show", "table", "512")).toMatchObject([{ dst: "fd00::5", dev: "eni0" }]);
  });

  test("the routes of all tables, main and local among them", () => {
    inHost.batch([addRoute({ destination, index: 200 })]);
    const tables = inHost.dump(dumpRoutes()).map(({ table }) => table);
    expect(tables).toContain(254);
    expect(tables).toContain(255);
  });

  test("a refusal comes with the kernel's own words", () => {
    const failure = failureOf(() =>
      inHost.batch([addRoute({ destination, gateway: parseIpAddress("192.0.2.1"), index: 200 })]),
    );
    expect(failure.message).toBe(
      "cannot add route 10.0.16.5/32 by link 200 in table 254: ENETUNREACH (Nexthop has invalid gateway)",
    );
  });
});

test("rules come, are listed as ip lists them, and go", () => {
  const rules = [
    { family: AF_INET, priority: 512, table: 512 },
    { family: AF_INET, priority: 1536, mark: { value: 0x10, mask: 0xf0 }, table: 4003 },
    { family: AF_INET, priority: 1537, from: parseIpPrefix("10.0.16.4"), table: 4003 },
    { family: AF_INET, priority: 1538, inputLink: "eth1", action: "unreachable" },
  ] as const;
  inHost.batch(rules.map(addRule));
  const ours = inHost.dump(dumpRules(AF_INET)).filter(({ protocol }) => protocol === 4);
  expect(ours).toMatchObject([...rules]);
  expect(host.ip("rule", "show").slice(1, 5)).toMatchObject([
    { priority: 512, table: "512" },
    { priority: 1536, fwmark: "0x10", fwmask: "0xf0", table: "4003" },
    { priority: 1537, src: "10.0.16.4", table: "4003" },
    { priority: 1538, iif: "eth1", action: "unreachable" },
  ]);

  expect(failureOf(() => inHost.batch([addRule(rules[0])])).errno).toBe("EEXIST");
  inHost.batch(rules.map(deleteRule));
  expect(inHost.dump(dumpRules(AF_INET)).map(({ priority }) => priority)).toEqual([0, 32766, 32767]);
  expect(failureOf(() => inHost.batch([deleteRule(rules[0])])).errno).toBe("ENOENT");
});

test("a permanent neighbour comes, is listed, and goes", () => {
  connect();
  const neighbour = { index: 100, address: parseIpAddress("169.254.1.1"), mac: "02:00:00:00:00:02" };
  inPod.batch([setPermanentNeighbour(neighbour), setPermanentNeighbour(neighbour)]);
  expect(pod.ip("neighbour", "show")).toMatchObject([
    { dst: "169.254.1.1", dev: "eth0", lladdr: "02:00:00:00:00:02", state: ["PERMANENT"] },
  ]);
  expect(inPod.dump(dumpNeighbours(AF_INET))).toEqual([{ ...neighbour, permanent: true }]);
  inPod.batch([deleteNeighbour(neighbour)]);
  expect(pod.ip("neighbour", "show", "nud", "permanent")).toEqual([]);
});

describe("NetlinkSocket", () => {
  test("batch() names the first message that failed, and has done the others", () => {
    connect();
    const address = (text: string) => addAddress({ index: 100, prefix: parseIpPrefix(text) });
    const failure = failureOf(() =>
      inPod.batch([address("10.0.0.1"), address("10.0.0.1"), deleteLink(777), address("10.0.0.2")]),
    );
    expect(failure).toMatchObject({
      errno: "EEXIST",
      position: 1,
      act: "add address 10.0.0.1/32 on link 100",
    });
    const held = inPod
      .dump(dumpAddresses({ index: 100, family: AF_INET }))
      .map((a) => formatIpPrefix(a.prefix));
    expect(held).toEqual(["10.0.0.1/32", "10.0.0.2/32"]);
  });

  test("batch() passes over errors that a message tolerates", () => {
    expect(() => inPod.batch([tolerating(deleteLink(777), "ENODEV")])).not.toThrow();
    expect(failureOf(() => inPod.batch([tolerating(deleteLink(777), "EEXIST")])).errno).toBe("ENODEV");
  });

  test("batch() takes more messages than answers fit into a receive queue", () => {
    const count = 1500;
    const rules = Array.from(
      { length: count },
      (_, at) => ({ family: AF_INET, priority: 1000 + at, table: 100 }) as const,
    );
    inHost.batch(rules.map(addRule));
    inHost.batch(rules.map((rule) => tolerating(addRule(rule), "EEXIST")));
    expect(inHost.dump(dumpRules(AF_INET))).toHaveLength(count + 3);
    const failure = failureOf(() => inHost.batch([...rules.slice(1).map(deleteRule), deleteLink(777)]));
    expect(failure).toMatchObject({ errno: "ENODEV", position: count - 1 });
  });

  test("batch() of nothing does nothing", () => {
    expect(() => inHost.batch([])).not.toThrow();
  });

  test("open() leaves the thread in its own namespace, also when it fails", () => {
    const before = readlinkSync("/proc/thread-self/ns/net");
    NetlinkSocket.open({ namespace: pod.path }).close();
    expect(() => NetlinkSocket.open({ namespace: "/run/netns/tknl-nobody" })).toThrow(SystemCallError);
    expect(() => NetlinkSocket.open({ namespace: "/proc/self/ns/mnt" })).toThrow("EINVAL");
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(before);
  });
});

describe("NetworkNamespace", () => {
  test("run() runs inside and comes back, also from an error", () => {
    const before = readlinkSync("/proc/thread-self/ns/net");
    using there = NetworkNamespace.open(pod.path);
    const inside = there.run(() => readlinkSync("/proc/thread-self/ns/net"));
    expect(inside).not.toBe(before);
    expect(() =>
      there.run(() => {
        throw new Error("from inside");
      }),
    ).toThrow("from inside");
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(before);
  });
});

describe("NetlinkMonitor", () => {
  test("tells what came and went, in order, and then nothing", () => {
    using monitor = NetlinkMonitor.open({
      namespace: host.path,
      groups: ["link", "ipv4-address", "ipv4-route", "ipv4-rule"],
    });
    expect(monitor.drain()).toEqual({ notifications: [], resync: false });
    connect();
    const prefix = parseIpPrefix("10.0.1.11");
    const rule = { family: AF_INET, priority: 512, table: 512 } as const;
    inHost.batch([
      addAddress({ index: 200, prefix }),
      setLink(200, { up: true }),
      addRoute({ destination: parseIpPrefix("10.0.16.5"), index: 200, table: 512 }),
      addRule(rule),
      deleteRule(rule),
      deleteAddress({ index: 200, prefix }),
      deleteLink(200),
    ]);
    const { notifications, resync } = monitor.drain();
    expect(resync).toBe(false);
    // The kernel tells the state of a link more often than it changes, and from the side.
    const links = notifications.flatMap((told) =>
      told.kind === "link" ? [`${told.change} ${told.link.name} ${told.link.up ? "up" : "down"}`] : [],
    );
    expect(links.filter((line, at) => line !== links[at - 1])).toEqual([
      "new eni0 down",
      "new eni0 up",
      "new eni0 down",
      "deleted eni0 down",
    ]);
    const others = notifications.flatMap((told) => {
      switch (told.kind) {
        case "address":
          return [`${told.change} address ${formatIpAddress(told.address.prefix.address)}`];
        case "route":
          return told.route.table === 512 ? [`${told.change} route`] : [];
        case "rule":
          return [`${told.change} rule ${told.rule.priority}`];
        default:
          return [];
      }
    });
    expect(others).toEqual([
      "new address 10.0.1.11",
      "new route",
      "new rule 512",
      "deleted rule 512",
      "deleted address 10.0.1.11",
    ]);
    expect(monitor.drain()).toEqual({ notifications: [], resync: false });
  });

  test("says so when the kernel had to drop notifications", () => {
    using monitor = NetlinkMonitor.open({
      namespace: host.path,
      groups: ["ipv4-rule"],
      receiveQueueBytes: 4096,
    });
    const rules = Array.from(
      { length: 100 },
      (_, at) => ({ family: AF_INET, priority: 1000 + at, table: 100 }) as const,
    );
    inHost.batch(rules.map(addRule));
    expect(monitor.drain().resync).toBe(true);
    inHost.batch(rules.slice(0, 1).map(deleteRule));
    expect(monitor.drain()).toMatchObject({
      resync: false,
      notifications: [{ kind: "rule", change: "deleted" }],
    });
  });
});
