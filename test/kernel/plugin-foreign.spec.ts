// tke-eni-ipamc as the IPAM plugin of stock main plugins, whose links no group tells: with the agent's own address service and network.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { CniTool } from "./cnitool.ts";
import { CompiledPlugins } from "./compiled-plugins.ts";
import { ServiceNode } from "./service-node.ts";
import { OUTSIDE_ADDRESS, SimulatedVpc } from "./simulated-vpc.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
/** How soon the agent has to mend what somebody broke. */
const REPAIR_MS = 2_000;
const GATEWAY = "10.0.16.1";

interface Pod {
  readonly network: string;
  readonly namespace: ThrowAwayNamespace;
  readonly address: string;
}

const namespaces = new ThrowAwayNamespaces("tkfo");
const folder = mkdtempSync(join(tmpdir(), "tke-eni-foreign-"));
const vpc = new SimulatedVpc(namespaces);
let plugins: CompiledPlugins;
let node: ServiceNode;
let cni: CniTool;
const pods: Pod[] = [];

beforeAll(async () => {
  plugins = await CompiledPlugins.build();
  await vpc.start();
  const world = { vpc, namespaces, folder };
  node = await ServiceNode.start(world, { name: "a", instanceId: "ins-node000a", address: "10.0.1.211" });
  await node.giveAddresses();
  cni = await CniTool.make(node.namespace, { folder, plugins, stock: ["ptp", "bridge"] });
  const ipam = { type: "tke-eni-ipamc", backend: node.socket, releases: join(folder, "releases") };
  const configure = (name: string, cniVersion: string, plugin: object) =>
    cni.configure({ name, ...{ cniVersion, plugins: [{ ...plugin, ipam }] } });
  configure("by-ptp", "0.4.0", { type: "ptp" });
  configure("by-bridge", "1.0.0", { type: "bridge", bridge: "br-pods", isGateway: true });
  configure("by-route", "1.1.0", { type: "tke-route-eni" });
  configure("no-gateway", "1.1.0", { type: "bridge", bridge: "br-none" });
  // Three addresses of the first ENI come first: each of the two has a pod of each kind.
  for (const network of ["by-ptp", "by-bridge", "by-route", "by-ptp", "by-bridge"]) {
    const namespace = namespaces.make(`pod${pods.length}`);
    const { ips } = await cni.succeed("add", { network, netns: namespace.path });
    pods.push({ network, namespace, address: ips[0].address.split("/")[0] });
  }
}, SET_UP_MS);

afterAll(async () => {
  await node?.stop();
  await vpc.remove();
  namespaces.removeAll();
  plugins?.remove();
  rmSync(folder, { recursive: true, force: true });
}, SET_UP_MS);

function ping(from: ThrowAwayNamespace, to: string): void {
  from.run("ping", "-c", "1", "-W", "2", to);
}

function addressesOf(network: string): string[] {
  return pods.filter((pod) => pod.network === network).map(({ address }) => address);
}

/** Everything that tells of pods' addresses in the node's rules and in its table of pods. */
function ways(): string[] {
  const rules = node.namespace.run("ip", "rule").split("\n");
  const routes = node.namespace.run("ip", "route", "show", "table", "512").split("\n");
  return [...rules, ...routes]
    .map((line) => line.trim())
    .filter((line) => node.enis.some(({ secondaries }) => secondaries.some((it) => line.includes(it))))
    .toSorted();
}

function everybodyReaches(): void {
  for (const pod of pods) {
    for (const to of [...pods.map(({ address }) => address), node.address, GATEWAY, OUTSIDE_ADDRESS]) {
      ping(pod.namespace, to);
    }
    ping(node.namespace, pod.address);
    ping(vpc.router, pod.address);
  }
}

test("pods reach each other, the node and what is beyond, each by its own ENI", async () => {
  const eniOf = (address: string) => node.enis.findIndex(({ secondaries }) => secondaries.includes(address));
  for (const network of ["by-ptp", "by-bridge"]) {
    expect(new Set(addressesOf(network).map(eniOf)).size).toBe(2);
  }
  everybodyReaches();
  expect(await vpc.control.readDrops()).toMatchObject({ total: 0 });
});

test("there are rules for such a pod's address, and none for one of our own", () => {
  const found = ways();
  for (const address of addressesOf("by-ptp")) {
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^1540:\\s+from ${address} lookup 4`)));
    expect(found).toContainEqual(
      expect.stringMatching(new RegExp(`^513:\\s+from all to ${address} lookup main`)),
    );
  }
  for (const address of addressesOf("by-bridge")) {
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^1540:\\s+from ${address} lookup 4`)));
    expect(found).toContainEqual(
      expect.stringMatching(
        new RegExp(`^${address} dev br-pods proto static scope link src ${node.address}`),
      ),
    );
  }
  expect(found.filter((line) => line.includes(String(addressesOf("by-route")[0])))).toHaveLength(1);
});

test("CHECK of the stock plugins finds all in place, and asks our own", async () => {
  for (const { network, namespace } of pods) await cni.succeed("check", { network, netns: namespace.path });
});

const breaks: readonly [string, () => void][] = [
  ["the rule by which a pod sends", () => node.namespace.run("ip", "rule", "del", "pref", "1540")],
  ["the rule that leads to a pod", () => node.namespace.run("ip", "rule", "del", "pref", "513")],
  [
    "the route to a pod",
    () => node.namespace.run("ip", "route", "del", addressesOf("by-bridge")[0] ?? "", "table", "512"),
  ],
];
test.each(breaks)("%s is back when somebody has deleted it", async (_, breakIt) => {
  const before = ways();
  breakIt();
  await eventually("all is as it was", () => Bun.deepEquals(ways(), before), { withinMs: REPAIR_MS });
});

test("another agent keeps them, and mends what was broken meanwhile", async () => {
  const before = ways();
  await node.restartAgent();
  expect(ways()).toEqual(before);
  node.namespace.run("ip", "rule", "del", "pref", "1540");
  await eventually("all is as it was", () => Bun.deepEquals(ways(), before), { withinMs: REPAIR_MS });
  await node.giveAddresses();
  everybodyReaches();
  expect(await vpc.control.readDrops()).toMatchObject({ total: 0 });
});

test("a bridge on which nobody would answer is refused", async () => {
  const namespace = namespaces.make("refused");
  const { exitCode, errors } = await cni.run("add", { network: "no-gateway", netns: namespace.path });
  expect(exitCode).toBe(1);
  expect(errors).toContain("isGateway must be true with tke-eni-ipamc");
});

test("DEL takes all of it away, and an address serves the next pod by any plugin", async () => {
  for (const { network, namespace } of pods) {
    const call = { network, netns: namespace.path };
    await cni.succeed("del", call);
    await cni.succeed("del", call);
  }
  await eventually("nothing is left", () => ways().length === 0, { withinMs: REPAIR_MS });
  // Past the cool-down.
  await Bun.sleep(1_500);
  const next = namespaces.make("next");
  for (const network of ["by-route", "by-ptp", "by-bridge"]) {
    const call = { network, netns: next.path };
    await cni.succeed("add", call);
    ping(next, OUTSIDE_ADDRESS);
    await cni.succeed("del", call);
  }
  await eventually("nothing is left", () => ways().length === 0, { withinMs: REPAIR_MS });
  expect(await vpc.control.readDrops()).toMatchObject({ total: 0 });
});
