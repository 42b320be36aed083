// tke-route-eni with stock plugins behind it, run by the real libcni.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CniTool } from "./cnitool.ts";
import { CompiledPlugins } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
const STOCK = ["portmap", "bandwidth", "tuning"];
const MAC = "02:00:00:00:00:77";
const DNS = { nameservers: ["10.0.0.2"], domain: "cluster.local", search: ["svc"], options: ["ndots:5"] };
const CAPABILITIES = {
  portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  bandwidth: {
    ingressRate: 8_000_000,
    ingressBurst: 8_000_000,
    egressRate: 8_000_000,
    egressBurst: 8_000_000,
  },
};

const namespaces = new ThrowAwayNamespaces("tkch");
let plugins: CompiledPlugins;
let folder: string;
let agent: FakeAddressService;
let host: ThrowAwayNamespace;
let pod: ThrowAwayNamespace;
let cni: CniTool;

beforeAll(async () => {
  plugins = await CompiledPlugins.build();
}, SET_UP_MS);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-chain-test-"));
  agent = new FakeAddressService(join(folder, "cni.sock"));
  agent.start();
  host = namespaces.make("host");
  pod = namespaces.make("pod");
  host.run("ip", "address", "add", "10.0.1.11/32", "dev", "lo");
  host.run("ip", "link", "add", "uplink", "up", "type", "ifb");
  host.run("ip", "route", "add", "default", "dev", "uplink");
  host.run("ip", "rule", "add", "pref", "512", "lookup", "512");
  host.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  cni = await CniTool.make(host, { folder, plugins, stock: STOCK });
}, SET_UP_MS);

afterEach(async () => {
  await agent.stop();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  namespaces.removeAll();
  plugins.remove();
});

function ours(more: object = {}): object {
  return {
    type: "tke-route-eni",
    ipam: {
      type: "tke-eni-ipamc",
      backend: `unix://${agent.socket}`,
      releases: join(folder, "releases"),
    },
    ...more,
  };
}

function listOf(version: object): { name: string } {
  return {
    name: "tke-route-eni",
    ...version,
    plugins: [
      ours({ mtu: 1400, dns: DNS, capabilities: { "io.kubernetes.cri.pod-annotations": true } }),
      { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.accept_redirects": "0" }, mac: MAC, mtu: 1300 },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ],
  } as { name: string };
}

describe.each([
  ["0.3.0", { cniVersion: "0.3.0" }],
  ["0.3.1", { cniVersion: "0.3.1" }],
  ["0.4.0", { cniVersion: "0.4.0" }],
  ["1.0.0", { cniVersion: "1.0.0" }],
  ["1.1.0", { cniVersion: "1.1.0" }],
  // As the agent writes it.
  ["1.1.0", { cniVersion: "1.0.0", cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] }],
])("with tuning, portmap and bandwidth under %s", (version, configured) => {
  test("ADD, CHECK and DEL of the chain", async () => {
    cni.configure(listOf(configured));
    const call = { network: "tke-route-eni", netns: pod.path, capabilities: CAPABILITIES };
    const result = await cni.succeed("add", call);
    expect(result.cniVersion).toBe(version);
    expect(result.dns).toEqual(DNS);
    expect(result.interfaces).toMatchObject([{}, { name: "eth0", mac: MAC, sandbox: pod.path }, {}]);
    expect(result.ips).toMatchObject([
      {
        address: "10.0.16.5/32",
        gateway: "169.254.1.1",
        interface: 1,
        ...(version < "1" && { version: "4" }),
      },
    ]);
    const [inside] = pod.ip("link", "show", "eth0");
    expect(inside).toMatchObject({ address: MAC, mtu: 1300 });
    host.run("ping", "-c", "1", "-W", "2", "10.0.16.5");
    pod.run("ping", "-c", "1", "-W", "3", "10.0.1.11");
    expect(host.run("nft", "list", "ruleset")).toContain("8080");
    expect(host.run("tc", "qdisc", "show")).toContain("tbf");

    if (version >= "0.4.0") {
      await cni.succeed("check", call);
      pod.run("ip", "address", "del", "10.0.16.5/32", "dev", "eth0");
      const checked = await cni.run("check", call);
      expect(checked.exitCode).toBe(1);
      expect(checked.errors).toContain("eth0 lacks address 10.0.16.5/32, and has none");
    }

    await cni.succeed("del", call);
    await cni.succeed("del", call);
    expect([...agent.held]).toEqual([]);
    expect(host.ip("route", "show", "table", "512")).toEqual([]);
    expect(host.run("nft", "list", "ruleset")).not.toContain("8080");
    const names = host.ip("link", "show").map(({ ifname }: { ifname: string }) => ifname);
    expect(names.filter((name: string) => !name.startsWith("gone"))).toEqual(["lo", "uplink"]);
  });
});

test("libcni's own GC without a list deletes what it remembers, and we destroy nothing more for it", async () => {
  cni.configure(listOf({ cniVersion: "1.1.0" }));
  const call = { network: "tke-route-eni", netns: pod.path, capabilities: CAPABILITIES };
  await cni.succeed("add", call);
  const other = { ...call, network: "other", ifName: "net1" };
  cni.configure({ name: "other", cniVersion: "1.1.0", plugins: [ours()] } as { name: string });
  await cni.succeed("add", other);
  const { exitCode, errors } = await cni.run("gc", call);
  expect(exitCode).toBe(1);
  expect(errors).toContain("cni.dev/valid-attachments must be the list of attachments that are still valid");
  expect([...agent.held.keys()].map((key) => key.split("/")[1])).toEqual(["net1"]);
  await cni.succeed("status", call);
});

test("two interfaces of a pod have an address and a link each, and replies leave by the one that was asked", async () => {
  cni.configure({ name: "one", cniVersion: "1.0.0", plugins: [ours()] } as { name: string });
  cni.configure({ name: "two", cniVersion: "1.0.0", plugins: [ours()] } as { name: string });
  // The second first: eth0 has the pod's default route all the same.
  const two = { network: "two", netns: pod.path, ifName: "net1" };
  const one = { network: "one", netns: pod.path };
  await cni.succeed("add", two);
  await cni.succeed("add", one);
  expect(pod.ip("route", "get", "198.51.100.1")).toMatchObject([{ dev: "eth0", prefsrc: "10.0.16.6" }]);
  expect(pod.ip("route", "get", "198.51.100.1", "from", "10.0.16.5")).toMatchObject([{ dev: "net1" }]);
  for (const address of ["10.0.16.5", "10.0.16.6"]) {
    // rp_filter on each of the host's links lets nothing pass that comes back by the other one.
    host.run("ping", "-c", "1", "-W", "2", address);
    pod.run("ping", "-c", "1", "-W", "2", "-I", address, "10.0.1.11");
  }
  const links = host.ip("link", "show", "group", "4003");
  expect(links).toHaveLength(2);
  await cni.succeed("check", one);
  await cni.succeed("check", two);
  pod.run("ip", "rule", "del", "pref", "1024");
  expect((await cni.run("check", two)).errors).toContain(
    "net1 lacks the rule for what is sent from 10.0.16.5",
  );
  await cni.succeed("del", one);
  pod.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
  await cni.succeed("del", two);
  expect(pod.run("ip", "rule")).not.toContain("1024");
});

test("behind another plugin, its result is handed on with ours", async () => {
  cni.configure({
    name: "behind",
    cniVersion: "1.0.0",
    plugins: [{ ...ours(), name: "first" }, ours()],
  } as { name: string });
  const refused = await cni.run("add", { network: "behind", netns: pod.path });
  // The same plugin twice is the same attachment: the second answers with the first one's interfaces before its own.
  expect(refused.exitCode).toBe(0);
  const { interfaces, ips } = JSON.parse(refused.output);
  expect(interfaces).toHaveLength(4);
  expect(ips).toMatchObject([{ interface: 1 }, { interface: 3 }]);
  await cni.succeed("del", { network: "behind", netns: pod.path });
});
