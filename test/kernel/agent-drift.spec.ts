import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DriftKind, DriftOutcome } from "../../src/agent/drift/drift.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { NodeNetworkAgent } from "./node-network-agent.ts";
import { attach, detach, linkOf } from "./pod-link.ts";
import { rename } from "./rename.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

// Somebody changes what the agent keeps for its pods and ENIs; each change is made on real namespaces.

/** How soon the agent has to mend what somebody broke. */
const REPAIR_MS = 1_000;
const NODE_ADDRESS = "10.0.1.11";
const eni1 = {
  eniId: "eni-1",
  mac: "20:90:6f:00:00:11",
  primaryIp: "10.0.16.10",
  gateway: "10.0.16.1",
  subnetId: "subnet-1",
};
const eni2 = {
  eniId: "eni-2",
  mac: "20:90:6f:00:00:12",
  primaryIp: "10.0.17.10",
  gateway: "10.0.17.1",
  subnetId: "subnet-2",
};
const web = { name: "web-0", containerId: "c-web-0", address: "10.0.16.5", eniId: "eni-1" };
const shop = { name: "shop-0", containerId: "c-shop-0", address: "10.0.17.5", eniId: "eni-2" };
const WEB = linkOf("web-0");
const SHOP = linkOf("shop-0");

const namespaces = new ThrowAwayNamespaces("tkad");
let folder: string;
let vpc: ThrowAwayNamespace;
let node: ThrowAwayNamespace;
let pods: Record<string, ThrowAwayNamespace>;
let agent: NodeNetworkAgent;
/** What was there when nothing was broken. */
let whole: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-drift-test-"));
  vpc = namespaces.make("vpc");
  node = namespaces.make("node");
  plug("eth0", "20:90:6f:00:00:01");
  node.run("ip", "address", "add", `${NODE_ADDRESS}/24`, "dev", "eth0");
  node.run("ip", "link", "set", "eth0", "up");
  node.run("ip", "route", "add", "default", "via", "10.0.1.1");
  plug("eth1", eni1.mac);
  plug("eth2", eni2.mac);
  agent = await NodeNetworkAgent.start({ node, folder }, [eni1, eni2]);
  pods = { web: namespaces.make("web"), shop: namespaces.make("shop") };
  await agent.tell({ pods: [web, shop] });
  await agent.tell({ addresses: [{ address: "10.0.16.6", eniId: "eni-1", subnetId: "subnet-1" }] });
  add("web", web);
  add("shop", shop);
  whole = ours();
});

afterAll(async () => {
  try {
    await agent?.stop();
  } finally {
    namespaces.removeAll();
    rmSync(folder, { recursive: true, force: true });
  }
});

function plug(name: string, mac: string): void {
  vpc.run(
    ...`ip link add a-${name} type veth peer name ${name} address ${mac} netns ${node.name}`.split(" "),
  );
  vpc.run("ip", "link", "set", `a-${name}`, "up");
}

function inPod(name: string): ThrowAwayNamespace {
  const pod = pods[name];
  if (pod === undefined) throw new Error(`there is no pod ${name}`);
  return pod;
}

function add(name: string, pod: typeof web): void {
  const group = agent.table(pod.eniId);
  attach({ node, pod: inPod(name) }, { ...pod, group, nodeAddress: NODE_ADDRESS });
}

function ip(command: string): void {
  node.run("ip", ...command.split(" "));
}

function sysctl(key: string): string {
  return node.run("sysctl", "-n", key).trim();
}

/** All that the agent keeps in the kernel of the node, in words that do not depend on order. */
function ours(): string[] {
  const rules = node.run("ip", "rule").split("\n");
  const routes = node
    .run("ip", "route", "show", "table", "all")
    .split("\n")
    .filter((route) => /table (512|4\d{3})/.test(route));
  const links = node
    .ip("-details", "link", "show")
    // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON
    .map((l: any) => `${l.ifname} ${l.group} ${l.ifalias} ${l.flags.includes("UP")}`);
  const settings = [WEB, SHOP].flatMap((link) =>
    ["rp_filter", "forwarding"].map((key) => `${link} ${key} ${sysctl(`net.ipv4.conf.${link}.${key}`)}`),
  );
  return [...rules, ...routes, ...links, ...settings].map((line) => line.trim()).toSorted();
}

function isWhole(): boolean {
  try {
    return Bun.deepEquals(ours(), whole);
  } catch {
    // A link went or came while it was read.
    return false;
  }
}

/** Kinds and outcomes that were told since `from`, each once. */
function told(from: number): string[] {
  return [...new Set(agent.drift.slice(from).map(({ kind, outcome }) => `${kind} ${outcome}`))].toSorted();
}

async function becomesTold(from: number, kind: DriftKind, outcome: DriftOutcome): Promise<void> {
  await eventually(`${kind} was ${outcome}`, () => told(from).includes(`${kind} ${outcome}`), {
    withinMs: REPAIR_MS,
  });
}

describe("what has one right answer is mended within a second, and told", () => {
  let from: number;
  beforeEach(() => {
    from = agent.drift.length;
  });

  const drifts: readonly [string, () => void, readonly DriftKind[]][] = [
    ["a pod's route is deleted", () => ip(`route del ${web.address} table 512`), ["pod-route"]],
    [
      "a pod's route leads to the primary",
      () => ip(`route replace ${web.address} dev eth0 table 512`),
      ["pod-route"],
    ],
    [
      "a pod's route leads to another pod",
      () => ip(`route replace ${web.address} dev ${SHOP} table 512`),
      ["pod-route"],
    ],
    [
      "a pod's route leads into a hole",
      () => ip(`route replace blackhole ${web.address} table 512`),
      ["pod-route"],
    ],
    [
      "a pod's route has another source",
      () => ip(`route replace ${web.address} dev ${WEB} table 512 scope link`),
      ["pod-route"],
    ],
    [
      "another route of a pod's address comes before its own",
      () => ip(`route prepend ${web.address} dev eth0 table 512`),
      ["pod-route"],
    ],
    ["all routes of pods are flushed", () => ip("route flush table 512"), ["pod-route"]],
    [
      "a free address is led to a pod",
      () => ip(`route add 10.0.16.6 dev ${WEB} table 512`),
      ["pod-route-surplus"],
    ],
    [
      "a pod's link has the group of another ENI",
      () => ip(`link set ${WEB} group ${agent.table("eni-2")}`),
      ["pod-group"],
    ],
    ["a pod's link has no group", () => ip(`link set ${WEB} group 0`), ["pod-group"]],
    ["a pod's link has another alias", () => ip(`link set ${WEB} alias mine`), ["pod-alias"]],
    ["a pod's link has no alias", () => node.run("ip", "link", "set", WEB, "alias", ""), ["pod-alias"]],
    ["a pod's link is set down", () => ip(`link set ${WEB} down`), ["pod-down", "pod-route"]],
    [
      "rp_filter of a pod's link is off",
      () => node.run("sysctl", "-qw", `net.ipv4.conf.${WEB}.rp_filter=0`),
      ["pod-sysctl"],
    ],
    [
      "rp_filter of a pod's link is loose",
      () => node.run("sysctl", "-qw", `net.ipv4.conf.${WEB}.rp_filter=2`),
      ["pod-sysctl"],
    ],
    [
      "a pod's link does not forward",
      () => node.run("sysctl", "-qw", `net.ipv4.conf.${WEB}.forwarding=0`),
      ["pod-sysctl"],
    ],
    [
      "an ENI's route is deleted",
      () => ip(`route del default dev eth1 table ${agent.table("eni-1")}`),
      ["eni-route"],
    ],
    [
      "an ENI's route leads elsewhere",
      () => ip(`route replace default via 10.0.16.9 dev eth1 onlink table ${agent.table("eni-1")}`),
      ["eni-route"],
    ],
    ["an ENI's rule is deleted", () => ip("rule del pref 1537"), ["eni-rule"]],
    [
      "an ENI's rule is there twice",
      () => ip(`rule add pref 1537 from ${eni1.primaryIp} to 192.0.2.0/24 lookup ${agent.table("eni-1")}`),
      ["eni-rule"],
    ],
    ["the pods' rule is deleted", () => ip("rule del pref 512"), ["pods-rule"]],
    ["an ENI is set down", () => ip("link set eth1 down"), ["eni-down"]],
    ["an ENI loses its address", () => ip("address flush dev eth1"), ["eni-address"]],
    ["the ruleset is flushed", () => node.run("nft", "flush", "ruleset"), ["ruleset"]],
    [
      "a map of the ruleset is emptied",
      () => node.run("nft", "flush", "map", "inet", "tke_eni", "from_pod"),
      ["ruleset"],
    ],
    ["ip_forward is off", () => node.run("sysctl", "-qw", "net.ipv4.ip_forward=0"), ["sysctl"]],
    [
      "rp_filter of an ENI is on",
      () => node.run("sysctl", "-qw", "net.ipv4.conf.eth1.rp_filter=1"),
      ["sysctl"],
    ],
    [
      "an ENI does not forward",
      () => node.run("sysctl", "-qw", "net.ipv4.conf.eth1.forwarding=0"),
      ["sysctl"],
    ],
  ];
  test.each(drifts)("%s", async (_, breakIt, kinds) => {
    breakIt();
    for (const kind of kinds) await becomesTold(from, kind, "repaired");
    await eventually("everything is as it was", isWhole, { withinMs: REPAIR_MS });
    await eventually("both ENIs serve", () => agent.ready.length === 2, { withinMs: REPAIR_MS });
    // Nothing but what follows from it, and once.
    for (const kind of kinds) {
      expect(
        agent.drift.slice(from).filter((d) => d.kind === kind && d.pod?.podName !== "shop-0"),
      ).toHaveLength(1);
    }
    expect(agent.drift.slice(from).filter(({ outcome }) => outcome === "failed")).toEqual([]);
  });

  test("an ENI is renamed: all that names it follows", async () => {
    await rename(node, "eth1", "uplink1");
    await becomesTold(from, "eni-renamed", "repaired");
    await eventually("it serves under its new name", () => {
      const isReady = agent.eni("eni-1")?.ifName === "uplink1" && agent.ready.includes("eni-1");
      const map = node.run("nft", "list", "map", "inet", "tke_eni", "nic");
      return isReady && map.includes('"uplink1"') && node.run("ip", "rule").includes("iif uplink1");
    });
    expect(sysctl("net.ipv4.conf.uplink1.rp_filter")).toBe("0");
    await rename(node, "uplink1", "eth1");
    await eventually("everything is as it was", isWhole);
    await eventually("both ENIs serve", () => agent.ready.length === 2);
  });
});

describe("what has no right answer is named, and its address given to nobody", () => {
  let from: number;
  beforeEach(() => {
    from = agent.drift.length;
  });

  /** A link as a pod has it, of a container that nobody knows. */
  function strangersLink(link: string, { alias, address }: { alias: string; address?: string }): void {
    ip(`link add ${link} group ${agent.table("eni-1")} type veth peer name far-${link}`);
    node.run("ip", "link", "set", link, "alias", alias, "up");
    if (address !== undefined)
      ip(`route add ${address} dev ${link} table 512 scope link src ${NODE_ADDRESS}`);
  }

  test("a second link of a container: the route stays with the first", async () => {
    strangersLink("copy", { alias: web.containerId });
    ip(`route replace ${web.address} dev copy table 512 scope link src ${NODE_ADDRESS}`);
    await becomesTold(from, "pod-link-twice", "quarantined");
    await becomesTold(from, "pod-route", "repaired");
    await eventually("the route leads to the first", () =>
      node.run("ip", "route", "show", "table", "512").includes(`${web.address} dev ${WEB}`),
    );
    expect(node.run("ip", "link", "show", "copy")).toContain("UP");
    ip("link del copy");
    await eventually("everything is as it was", isWhole);
  });

  test("a link holds an address that the memory has for free, and one that it does not know: both are its", async () => {
    strangersLink("left0", { alias: "c-left-0", address: "10.0.16.6" });
    strangersLink("left1", { alias: "c-left-1", address: "10.0.16.7" });
    await eventually(
      "both are held",
      () => {
        return agent.held["10.0.16.6"] === "c-left-0" && agent.held["10.0.16.7"] === "c-left-1";
      },
      { withinMs: REPAIR_MS },
    );
    ip("link del left0");
    ip("link del left1");
    await agent.tell({ released: "c-left-0" });
    await agent.tell({ released: "c-left-1" });
    await eventually("everything is as it was", isWhole);
  });

  test("a link has the route of an address that another container without a link was given", async () => {
    const pod = { name: "lost-0", containerId: "c-lost-0", address: "10.0.16.8", eniId: "eni-1" };
    await agent.tell({ pods: [pod] });
    strangersLink("other0", { alias: "c-other-0", address: pod.address });
    await becomesTold(from, "two-holders", "quarantined");
    expect(agent.held[pod.address]).toBe("c-lost-0");
    // The one that was remembered ends: the other has it.
    await agent.tell({ released: "c-lost-0" });
    await eventually("the other has it", () => agent.held[pod.address] === "c-other-0");
    ip("link del other0");
    await agent.tell({ released: "c-other-0" });
    await eventually("everything is as it was", isWhole);
  });

  test("an address that belongs to another node: its pod is cut off, and mends nothing of it", async () => {
    await agent.tell({ orphaned: shop.address, orphan: "elsewhere" });
    await becomesTold(from, "address-elsewhere", "quarantined");
    const isCutOff = () =>
      !node.run("ip", "route", "show", "table", "512").includes(shop.address) &&
      !node.ip("link", "show", SHOP)[0].flags.includes("UP");
    await eventually("its pod is cut off", isCutOff);
    // The agent may see the first of the two and undo it before the second.
    await eventually("both are there", () => {
      try {
        ip(`link set ${SHOP} up`);
        ip(`route add ${shop.address} dev ${SHOP} table 512`);
        return true;
      } catch {
        return false;
      }
    });
    await eventually("it is cut off again", isCutOff, { withinMs: REPAIR_MS });
    await agent.tell({ addresses: [{ address: shop.address, eniId: "eni-2", subnetId: "subnet-2" }] });
    ip("rule del pref 512");
    await eventually("everything is as it was", isWhole);
  });

  test("an ENI's link is detached, and comes back", async () => {
    vpc.run("ip", "link", "del", "a-eth2");
    await becomesTold(from, "eni-lost", "quarantined");
    expect(agent.ready).toEqual(["eni-1"]);
    plug("eth2", eni2.mac);
    await eventually("both ENIs serve", () => agent.ready.length === 2);
  });

  test("an ENI loses its carrier", async () => {
    vpc.run("ip", "link", "set", "a-eth2", "down");
    await becomesTold(from, "eni-no-carrier", "quarantined");
    vpc.run("ip", "link", "set", "a-eth2", "up");
    await eventually("both ENIs serve", () => agent.ready.length === 2, { withinMs: 2 * REPAIR_MS });
  });
});

test("plugins at work are not taken for drift: pods come and go, and nothing is told or undone", async () => {
  await eventually("both ENIs serve", () => agent.ready.length === 2);
  const from = agent.drift.length;
  // Nobody is given what was free before.
  for (const orphaned of ["10.0.16.6", "10.0.16.8"]) await agent.tell({ orphaned, orphan: "absent" });
  pods["busy"] = namespaces.make("busy");
  for (let round = 0; round < 20; round++) {
    const pod = {
      name: "busy-0",
      containerId: `c-busy-${round}`,
      address: `10.0.16.${20 + round}`,
      eniId: "eni-1",
    };
    await agent.tell({ pods: [pod] });
    add("busy", pod);
    await agent.tell({ orphaned: pod.address, orphan: "absent" });
    detach({ node, pod: inPod("busy") }, pod);
    await agent.tell({ released: pod.containerId });
  }
  await eventually("what was retired is gone", () => !node.run("ip", "link").includes("gone"));
  expect(agent.drift.slice(from)).toEqual([]);
});
