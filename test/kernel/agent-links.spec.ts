import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { NodeNetworkAgent } from "./node-network-agent.ts";
import { rename } from "./rename.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

/** How soon the agent has to mend what somebody broke. */
const REPAIR_MS = 1_000;
/** Of the agent under test. */
const COOL_DOWN_MS = 1_000;
const NODE_ADDRESS = "10.0.1.11";
const VPC_MAC = "fe:ee:00:00:00:01";

const namespaces = new ThrowAwayNamespaces("tkal");
let folder: string;
let vpc: ThrowAwayNamespace;
let node: ThrowAwayNamespace;
let agent: NodeNetworkAgent;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-links-test-"));
  vpc = namespaces.make("vpc");
  node = namespaces.make("node");
  becomeRouter();
  plug("eth0", { mac: "20:90:6f:00:00:01", addresses: [NODE_ADDRESS] });
  node.run("ip", "address", "add", `${NODE_ADDRESS}/24`, "dev", "eth0");
  node.run("ip", "link", "set", "eth0", "up");
  node.run("ip", "route", "add", "default", "via", "10.0.1.1");
  // What distributions set for links to come.
  node.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.default.rp_filter=2");
  plug("eth1", { mac: eni1.mac, addresses: [eni1.primaryIp, "10.0.16.5", "10.0.16.6"] });
  plug("eth2", { mac: eni2.mac, addresses: [eni2.primaryIp, "10.0.17.5"] });
});

afterEach(async () => {
  try {
    // Undefined when not even the first one has started.
    await agent?.stop();
  } finally {
    namespaces.removeAll();
    rmSync(folder, { recursive: true, force: true });
  }
});

afterAll(() => namespaces.removeAll());

const eni1: EniSpec = {
  eniId: "eni-1",
  mac: "20:90:6f:00:00:11",
  primaryIp: "10.0.16.10",
  gateway: "10.0.16.1",
  subnetId: "subnet-1",
};
const eni2: EniSpec = {
  eniId: "eni-2",
  mac: "20:90:6f:00:00:12",
  primaryIp: "10.0.17.10",
  gateway: "10.0.17.1",
  subnetId: "subnet-2",
};

/** The VPC's router: each address may come in by the link that it is assigned to, anything else is dropped and counted. */
function becomeRouter(): void {
  vpc.run(
    "sysctl",
    "-qw",
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.conf.default.send_redirects=0",
    "net.ipv4.conf.default.proxy_arp=1",
    "net.ipv6.conf.default.disable_ipv6=1",
  );
  for (const gateway of ["10.0.1.1", "10.0.16.1", "10.0.17.1", "198.51.100.10"]) {
    vpc.run("ip", "address", "add", `${gateway}/32`, "dev", "lo");
  }
  vpc.run("ip", "route", "add", "unreachable", "10.0.0.0/16");
  vpc.run(
    "nft",
    `table inet vpc {
       set allowed { type ifname . ipv4_addr; }
       counter dropped {}
       chain guard { type filter hook prerouting priority raw; policy accept;
         iif lo accept
         meta nfproto ipv4 iifname . ip saddr @allowed accept
         meta nfproto ipv4 counter name dropped drop
       }
     }`,
  );
}

/** Plugs a network interface into the node, as the cloud does: it arrives down, and with addresses that only the cloud knows. */
function plug(name: string, { mac, addresses }: { mac: string; addresses: readonly string[] }): void {
  const far = `a-${name.replace('"', "")}`;
  vpc.run(
    ..."ip link add".split(" "),
    far,
    "address",
    VPC_MAC,
    "type",
    "veth",
    "peer",
    "name",
    name,
    "address",
    mac,
    "netns",
    node.name,
  );
  vpc.run("sysctl", "-qw", `net.ipv4.neigh.${far}.proxy_delay=0`);
  vpc.run("ip", "link", "set", far, "up");
  for (const address of addresses) {
    vpc.run(..."ip neigh replace".split(" "), address, "lladdr", mac, "dev", far, "nud", "permanent");
    vpc.run("ip", "route", "replace", `${address}/32`, "dev", far);
    vpc.run("nft", "add", "element", "inet", "vpc", "allowed", `{ ${far} . ${address} }`);
  }
}

function unplug(name: string): void {
  vpc.run("ip", "link", "del", `a-${name}`);
}

function dropped(): number {
  const [, counter] = JSON.parse(vpc.run("nft", "-j", "list", "counter", "inet", "vpc", "dropped")).nftables;
  return counter.counter.packets;
}

/** A pod of an ENI, as the plugin makes it. */
function addPod(name: string, { address, table }: { address: string; table: number }): ThrowAwayNamespace {
  const pod = namespaces.make(name);
  pod.run(..."ip link add eth0 type veth peer name".split(" "), `eni${name}`, "netns", node.name);
  node.run("ip", "link", "set", `eni${name}`, "group", String(table), "alias", `container-${name}`, "up");
  node.run("sysctl", "-qw", `net.ipv4.conf.eni${name}.rp_filter=1`);
  node.run(
    ..."ip route replace".split(" "),
    `${address}/32`,
    "dev",
    `eni${name}`,
    "scope",
    "link",
    "table",
    "512",
    "src",
    NODE_ADDRESS,
  );
  const [host] = node.ip("link", "show", `eni${name}`);
  pod.run("ip", "address", "add", `${address}/32`, "dev", "eth0");
  pod.run("ip", "link", "set", "eth0", "up");
  pod.run(..."ip route add 169.254.1.1/32 dev eth0 scope link".split(" "));
  pod.run(..."ip route add default via 169.254.1.1 dev eth0 onlink".split(" "));
  pod.run(
    ..."ip neighbour replace 169.254.1.1 lladdr".split(" "),
    host.address,
    "dev",
    "eth0",
    "nud",
    "permanent",
  );
  return pod;
}

function ping(from: ThrowAwayNamespace, to: string): void {
  from.run("ping", "-c", "1", "-W", "2", to);
}

/** What ping says of an address that must not answer. */
function pingInVain(from: ThrowAwayNamespace, to: string): string {
  const command = ["ip", "netns", "exec", from.name, "ping", "-c", "1", "-W", "2", to];
  const { exitCode, stdout } = Bun.spawnSync(command);
  expect(exitCode).toBe(1);
  return stdout.toString();
}

/** All that is ours in the kernel of the node, in words that do not depend on order. */
function ours(): string[] {
  const rules = node.run("ip", "rule").split("\n");
  const routes = node.ip("route", "show", "table", "all").flatMap(
    // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON
    (r: any) =>
      Number(r.table) >= 4000
        ? [`${r.table} ${r.type ?? "unicast"} ${r.dst} ${r.gateway ?? ""} ${r.dev ?? ""} ${r.metric ?? ""}`]
        : [],
  );
  // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON
  const addresses = node.ip("-4", "address").flatMap((link: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON
    link.addr_info.map((a: any) => `${link.ifname} ${link.flags.includes("UP")} ${a.local}/${a.prefixlen}`),
  );
  return [...rules, ...routes, ...addresses].toSorted();
}

function sysctl(key: string): string {
  return node.run("sysctl", "-n", key).trim();
}

describe("two ENIs with pods", () => {
  let a: ThrowAwayNamespace;
  let b: ThrowAwayNamespace;

  beforeEach(async () => {
    agent = await NodeNetworkAgent.start({ node, folder }, [eni1, eni2]);
    a = addPod("a", { address: "10.0.16.5", table: agent.table("eni-1") });
    b = addPod("b", { address: "10.0.17.5", table: agent.table("eni-2") });
  });

  test("each pod sends by its own ENI, and nothing is dropped as spoofed", () => {
    expect(agent.view?.primary).toMatchObject({ address: NODE_ADDRESS, link: { name: "eth0" } });
    expect(agent.view?.enis).toMatchObject([
      { eniId: "eni-1", state: "Ready", ifName: "eth1", mtu: 1500 },
      { eniId: "eni-2", state: "Ready", ifName: "eth2", mtu: 1500 },
    ]);
    for (const pod of [a, b]) {
      for (const to of ["10.0.16.1", "10.0.17.1", "198.51.100.10", NODE_ADDRESS]) ping(pod, to);
    }
    ping(a, "10.0.17.5");
    ping(node, "10.0.16.5");
    ping(vpc, "10.0.16.5");
    ping(vpc, "10.0.17.5");
    ping(vpc, eni1.primaryIp);
    expect(dropped()).toBe(0);
  });

  test("an address without a pod is refused at once, not sent back out of the primary", () => {
    expect(pingInVain(vpc, "10.0.16.6")).toContain("Unreachable");
    expect(dropped()).toBe(0);
  });

  // Each breaks one thing; what it was like before must be back, and pods reach the VPC again.
  const drifts: readonly [string, () => void][] = [
    ["the pods' rule is deleted", () => node.run("ip", "rule", "del", "pref", "512")],
    ["an ENI's mark rule is deleted", () => node.run("ip", "rule", "del", "pref", "1536")],
    ["an ENI's from rule is deleted", () => node.run("ip", "rule", "del", "pref", "1537")],
    ["an ENI's iif rule is deleted", () => node.run("ip", "rule", "del", "pref", "1538")],
    [
      "all of our rules are deleted",
      () => {
        for (const pref of ["512", "1536", "1536", "1537", "1537", "1538", "1538"]) {
          node.run("ip", "rule", "del", "pref", pref);
        }
      },
    ],
    [
      "an ENI's table is flushed",
      () => node.run("ip", "route", "flush", "table", String(agent.table("eni-1"))),
    ],
    [
      "an ENI's route is replaced by another",
      () =>
        node.run(
          ..."ip route replace default via 10.0.16.9 dev eth1 onlink table".split(" "),
          String(agent.table("eni-1")),
        ),
    ],
    [
      "the address of an ENI, the only one, is deleted",
      () => node.run("ip", "address", "flush", "dev", "eth1"),
    ],
    ["an ENI is set down", () => node.run("ip", "link", "set", "eth1", "down")],
    [
      "an ENI goes down and up",
      () => {
        node.run("ip", "link", "set", "eth1", "down");
        node.run("ip", "link", "set", "eth1", "up");
      },
    ],
  ];
  test.each(drifts)("mended within a second: %s", async (_, breakIt) => {
    const before = ours();
    breakIt();
    await eventually("everything is as it was", () => Bun.deepEquals(ours(), before), {
      withinMs: REPAIR_MS,
    });
    ping(a, "10.0.16.1");
    ping(b, "10.0.17.1");
    await eventually("both ENIs are ready", () => agent.ready.length === 2, { withinMs: REPAIR_MS });
  });

  test.each([
    ["flushed", ["flush", "table", "inet", "tke_eni"]],
    ["deleted", ["delete", "table", "inet", "tke_eni"]],
    ["part of a flush of everything", ["flush", "ruleset"]],
    ["emptied of a map", ["flush", "map", "inet", "tke_eni", "from_pod"]],
    ["made dormant", ["add table inet tke_eni { flags dormant; }"]],
  ])("the nftables table is back within a second when it was %s", async (_, command) => {
    const list = () => {
      try {
        return node.run("nft", "list", "table", "inet", "tke_eni");
      } catch {
        return "";
      }
    };
    const before = list();
    node.run("nft", ...command);
    await eventually("the table is as it was", () => list() === before, { withinMs: REPAIR_MS });
    ping(a, "10.0.16.1");
  });

  test("what somebody does to the table while it is being loaded is not taken for ours", async () => {
    await agent.stop();
    const nft = Bun.which("nft");
    writeFileSync(
      join(folder, "nft"),
      `#!/bin/sh
       ${nft} "$@" || exit $?
       [ "$1" != -f ] || ! mkdir ${folder}/once 2>/dev/null || ${nft} flush map inet tke_eni from_pod\n`,
      { mode: 0o755 },
    );
    agent = await NodeNetworkAgent.start({ node, folder, path: folder }, [eni1, eni2]);
    expect(existsSync(join(folder, "once"))).toBe(true);
    await eventually("the map is whole", () =>
      node.run("nft", "list", "map", "inet", "tke_eni", "from_pod").includes(`${agent.table("eni-1")} :`),
    );
  });

  test("other tables of nftables stay, and their changes do not make ours be loaded again", async () => {
    node.run("nft", "table inet other { chain c { type filter hook forward priority 0; }; }");
    const loads = () =>
      agent.lines.filter((line) => JSON.stringify(line).includes("loaded the nftables")).length;
    const before = loads();
    for (let i = 0; i < 5; i++) {
      node.run("nft", "add", "rule", "inet", "other", "c", "counter");
      await Bun.sleep(300);
    }
    expect(loads()).toBe(before);
    expect(node.run("nft", "list", "table", "inet", "other")).toContain("counter");
  });

  test.each([
    ["net.ipv4.ip_forward", "1"],
    ["net.ipv4.conf.all.rp_filter", "0"],
    ["net.ipv4.conf.all.send_redirects", "0"],
    ["net.ipv4.conf.eth0.send_redirects", "0"],
    ["net.ipv4.conf.eth1.rp_filter", "0"],
    ["net.ipv4.conf.eth1.send_redirects", "0"],
    ["net.ipv6.conf.eth1.disable_ipv6", "1"],
  ])("%s is %s, and is again when somebody has flipped it", async (key, value) => {
    expect(sysctl(key)).toBe(value);
    node.run("sysctl", "-qw", `${key}=${1 - Number(value)}`);
    await eventually(`${key} is ${value}`, () => sysctl(key) === value, { withinMs: REPAIR_MS });
  });

  test("pods' own rp_filter stays in force: a pod cannot send as another", () => {
    expect(sysctl("net.ipv4.conf.enia.rp_filter")).toBe("1");
    a.run("ip", "address", "add", "10.0.17.5/32", "dev", "eth0");
    expect(() => a.run("ping", "-c", "1", "-W", "1", "-I", "10.0.17.5", "10.0.17.1")).toThrow();
    expect(dropped()).toBe(0);
  });

  test("an ENI set down is told as LinkDown before it is set up again", async () => {
    const from = agent.views.length;
    node.run("ip", "link", "set", "eth1", "down");
    await eventually("LinkDown was told", () =>
      agent.views
        .slice(from)
        .some(({ enis }) => enis.some((e) => e.eniId === "eni-1" && e.state === "LinkDown")),
    );
    await eventually("ready again", () => agent.eni("eni-1")?.state === "Ready", { withinMs: REPAIR_MS });
  });

  test("without carrier an ENI is not ready, and is when it comes back", async () => {
    vpc.run("ip", "link", "set", "a-eth1", "down");
    // It tells some losses of carrier up to a second late: net/core/link_watch.c.
    await eventually("the kernel's word", () => node.ip("link", "show", "eth1")[0].operstate !== "UP");
    await eventually("LinkDown", () => agent.eni("eni-1")?.state === "LinkDown", { withinMs: REPAIR_MS });
    await eventually("the pool knows", () => !agent.ready.includes("eni-1"));
    vpc.run("ip", "link", "set", "a-eth1", "up");
    await eventually("Ready", () => agent.eni("eni-1")?.state === "Ready", { withinMs: REPAIR_MS });
  });

  test("pods of an ENI that was unplugged are told so, and nothing of theirs leaves by the primary", async () => {
    unplug("eth1");
    await eventually("NoLink", () => agent.eni("eni-1")?.state === "NoLink", { withinMs: REPAIR_MS });
    expect(agent.ready).toEqual(["eni-2"]);
    await eventually("the iif rule is gone", () => !node.run("ip", "rule").includes("iif eth1"), {
      withinMs: REPAIR_MS,
    });
    expect(pingInVain(a, "10.0.17.1")).toContain("Unreachable");
    expect(dropped()).toBe(0);
    ping(b, "10.0.17.1");
  });

  test("an ENI that is given up serves while a pod has its group; then its rules, routes and map entries go", async () => {
    const table = agent.table("eni-1");
    const left = () => [
      ...node
        .run("ip", "rule")
        .split("\n")
        .filter((rule) => rule.includes(`lookup ${table}`) || rule.includes("iif eth1")),
      ...node
        .run("ip", "route", "show", "table", "all")
        .split("\n")
        .filter((route) => route.includes(`table ${table}`)),
      ...node
        .run("nft", "list", "map", "inet", "tke_eni", "from_pod")
        .split("\n")
        .filter((line) => line.includes(`${table} :`)),
    ];
    const before = left();
    await agent.setWanted([eni2]);
    // A repair, and so a pass over everything, that the end of the ENI could have been part of.
    node.run("ip", "rule", "del", "pref", "512");
    await eventually("the rule is back", () => node.run("ip", "rule").includes("512:"), {
      withinMs: REPAIR_MS,
    });
    expect(left()).toEqual(before);
    ping(a, "10.0.16.1");
    node.run("ip", "link", "del", "enia");
    await agent.tell({ released: "container-a" });
    await eventually("nothing of it is left", () => left().length === 0, {
      withinMs: COOL_DOWN_MS + 2 * REPAIR_MS,
    });
    ping(b, "10.0.17.1");
  });

  test("an ENI that cannot be set up does not keep the others from being ready", async () => {
    // The kernel refuses a gateway that is an address of the node itself.
    const broken = {
      ...eni1,
      eniId: "eni-0",
      mac: "20:90:6f:00:00:10",
      primaryIp: "10.0.16.9",
      gateway: NODE_ADDRESS,
    };
    const eni3 = { ...eni1, eniId: "eni-3", mac: "20:90:6f:00:00:13", primaryIp: "10.0.16.20" };
    plug("eth3", { mac: broken.mac, addresses: [broken.primaryIp] });
    plug("eth4", { mac: eni3.mac, addresses: [eni3.primaryIp] });
    await agent.setWanted([broken, eni1, eni2, eni3]);
    await eventually(
      "the good ones are ready",
      () => ["eni-1", "eni-2", "eni-3"].every((eni) => agent.ready.includes(eni)),
      {
        withinMs: 2 * REPAIR_MS,
      },
    );
    expect(agent.ready).not.toContain("eni-0");
    expect(agent.eni("eni-0")?.state).not.toBe("Ready");
    // What is common to all is kept up meanwhile.
    node.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2");
    node.run("nft", "flush", "ruleset");
    await eventually(
      "sysctl and ruleset are back",
      () =>
        sysctl("net.ipv4.conf.all.rp_filter") === "0" &&
        node.run("nft", "list", "ruleset").includes("tke_eni"),
      { withinMs: 2 * REPAIR_MS },
    );
  });

  test("an object that has come to make no sense takes the ENI out of the pool, and nothing from its pods", async () => {
    const before = ours();
    await agent.setWanted([{ ...eni1, gateway: "10.0.16" }, eni2]);
    await eventually("the ENI has left the pool", () => Bun.deepEquals(agent.ready, ["eni-2"]));
    await eventually("it is told why", () => agent.eni("eni-1")?.problem?.includes('"10.0.16"') === true);
    node.run("nft", "flush", "ruleset");
    node.run("ip", "rule", "del", "pref", "512");
    await eventually("everything is as it was", () => Bun.deepEquals(ours(), before));
    await eventually("the ruleset is back", () => node.run("nft", "list", "ruleset").includes("tke_eni"));
    ping(a, "10.0.16.1");
    ping(b, "10.0.17.1");
    expect(dropped()).toBe(0);
    await agent.setWanted([eni1, eni2]);
    await eventually("both are ready", () => agent.ready.length === 2);
  });

  test("a link name that nft cannot write keeps its own ENI out of the pool, and no other", async () => {
    const odd = { ...eni1, eniId: "eni-3", mac: "20:90:6f:00:00:13", primaryIp: "10.0.16.20" };
    plug('eth"3', { mac: odd.mac, addresses: [odd.primaryIp] });
    await agent.setWanted([eni1, eni2, odd]);
    await eventually("the ENI's problem is told", () =>
      (agent.eni("eni-3")?.problem ?? "").includes('eth\\"3'),
    );
    node.run("nft", "flush", "ruleset");
    await eventually("the ruleset is back", () => node.run("nft", "list", "ruleset").includes("tke_eni"));
    expect(agent.ready).toEqual(["eni-1", "eni-2"]);
    await rename(node, 'eth"3', "eth.3*x@");
    await eventually("ready under a name that is odd only to people", () => agent.ready.length === 3);
    ping(a, "10.0.16.1");
    expect(dropped()).toBe(0);
  });

  test("numbers are the same after a restart, also when the link came back under another index", async () => {
    const before = agent.view?.enis.map(({ eniId, table }) => ({ eniId, table }));
    await agent.stop();
    ping(a, "10.0.16.1");
    unplug("eth1");
    node.run("ip", "link", "add", "filler", "type", "bridge");
    plug("eth1", { mac: eni1.mac, addresses: [eni1.primaryIp, "10.0.16.5"] });
    agent = await NodeNetworkAgent.start({ node, folder }, [eni1, eni2]);
    expect(agent.view?.enis.map(({ eniId, table }) => ({ eniId, table }))).toEqual(before);
    ping(a, "10.0.16.1");
    expect(dropped()).toBe(0);
  });

  test("a third ENI that is plugged in while it runs is set up", async () => {
    const eni3 = { ...eni1, eniId: "eni-3", mac: "20:90:6f:00:00:13", primaryIp: "10.0.16.20" };
    await agent.setWanted([eni1, eni2, eni3]);
    await eventually("NoLink", () => agent.eni("eni-3")?.state === "NoLink");
    plug("eth3", { mac: eni3.mac, addresses: [eni3.primaryIp, "10.0.16.21"] });
    await eventually("ready", () => agent.ready.includes("eni-3"), { withinMs: REPAIR_MS });
    const c = addPod("c", { address: "10.0.16.21", table: agent.table("eni-3") });
    ping(c, "10.0.16.1");
    ping(c, "10.0.16.5");
    expect(dropped()).toBe(0);
  });

  test("retired links of pods are deleted together", async () => {
    for (let i = 0; i < 10; i++) {
      node.run(
        ..."ip link add".split(" "),
        `gone${i}`,
        "group",
        "3999",
        "type",
        "veth",
        "peer",
        "name",
        `peer${i}`,
      );
    }
    await eventually("the trash is empty", () => !node.run("ip", "link").includes("gone"), {
      withinMs: REPAIR_MS,
    });
    expect(node.run("ip", "link")).not.toContain("peer");
    ping(a, "10.0.16.1");
  });

  test("rules, routes, tables, addresses and groups of others stay as they are", async () => {
    const foreign = [
      "ip rule add pref 100 fwmark 0x4000/0x4000 lookup 100",
      "ip rule add pref 1536 fwmark 0x1/0x1 lookup 100",
      "ip rule add pref 1537 from 192.0.2.1 lookup 100",
      "ip rule add pref 1600 fwmark 0x10/0xf0 lookup 9000",
      "ip route add 192.0.2.0/24 dev eth0 table 100",
      "ip route add default via 10.0.1.1 dev eth0 table 9000",
      "ip route add 192.0.3.0/24 via 10.0.1.1",
      "ip address add 192.0.2.9/32 dev eth1",
      "ip link add br0 group 3998 type bridge",
    ];
    for (const command of foreign) node.run(...command.split(" "));
    const all = () =>
      [
        node.run("ip", "rule"),
        // The kernel adds a route of a link's IPv6 address some time after the link has come up.
        node.run("ip", "-4", "route", "show", "table", "all"),
        node.run("ip", "-4", "-o", "address"),
      ].join("");
    const before = all();
    // A repair is a pass over everything.
    node.run("ip", "rule", "del", "pref", "512");
    await eventually("the rule is back", () => node.run("ip", "rule").includes("512:"), {
      withinMs: REPAIR_MS,
    });
    await agent.stop();
    agent = await NodeNetworkAgent.start({ node, folder }, [eni1, eni2]);
    expect(all().split("\n").toSorted()).toEqual(before.split("\n").toSorted());
    expect(node.run("ip", "link")).toContain("br0");
  });
});
