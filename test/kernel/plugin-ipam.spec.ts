// Other IPAM plugins under tke-route-eni, and addresses of both families.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CniTool } from "./cnitool.ts";
import { CompiledPlugins } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
const NETWORK = "elsewhere";

const namespaces = new ThrowAwayNamespaces("tkip");
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
  folder = mkdtempSync(join(tmpdir(), "tke-eni-ipam-test-"));
  agent = new FakeAddressService(join(folder, "cni.sock"));
  agent.start();
  host = namespaces.make("host");
  pod = namespaces.make("pod");
  host.run("ip", "address", "add", "10.0.1.11/32", "dev", "lo");
  host.run("ip", "address", "add", "fd00:1::11/128", "dev", "lo");
  host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  mkdirSync(join(folder, "bin"));
  cni = await CniTool.make(host, {
    folder,
    plugins,
    stock: ["host-local", "static"],
    folders: [join(folder, "bin")],
  });
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

function configure(
  ipam: object,
  { cniVersion = "1.1.0", ...more }: { cniVersion?: string; dns?: object } = {},
): void {
  const list = { name: NETWORK, cniVersion, plugins: [{ type: "tke-route-eni", ipam, ...more }] };
  cni.configure(list);
}

function hostLocal(): object {
  return {
    type: "host-local",
    dataDir: join(folder, "leases"),
    ranges: [[{ subnet: "10.22.0.0/24" }], [{ subnet: "fd00:22::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    resolvConf: join(folder, "resolv.conf"),
  };
}

function leases(): string[] {
  const there = join(folder, "leases", NETWORK);
  return existsSync(there) ? readdirSync(there).filter((name) => name.startsWith("10.")) : [];
}

/** An IPAM plugin of the test: `script` is told the command in $1. */
function install(name: string, script: string): void {
  const body = `#!/bin/sh\ncat > ${folder}/input-$CNI_COMMAND\nenv > ${folder}/environment-$CNI_COMMAND\n${script}\n`;
  writeFileSync(join(folder, "bin", name), body, { mode: 0o755 });
}

const call = () => ({ network: NETWORK, netns: pod.path, args: "IgnoreUnknown=1;K8S_POD_NAME=a" });

describe.each(["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])("host-local under CNI %s", (cniVersion) => {
  test("gives a pod addresses of both families, and takes them back", async () => {
    writeFileSync(join(folder, "resolv.conf"), "nameserver 10.0.0.3\n");
    configure(hostLocal(), { cniVersion });
    const result = await cni.succeed("add", call());
    expect(result.ips).toMatchObject([
      { address: "10.22.0.2/32", gateway: "169.254.1.1", interface: 1 },
      { address: "fd00:22::2/128", gateway: "fe80::1", interface: 1 },
    ]);
    expect(result.dns).toEqual({ nameservers: ["10.0.0.3"] });
    expect(leases()).toEqual(["10.22.0.2"]);
    const [link] = host.ip("link", "show", result.interfaces[0].name);
    expect(link).toMatchObject({ group: "default", mtu: 1500 });
    expect(host.ip("route", "show", "10.22.0.2")).toMatchObject([{ dev: link.ifname, scope: "link" }]);
    expect(pod.ip("route", "show", "10.22.0.0/24")).toMatchObject([{ gateway: "169.254.1.1" }]);
    host.run("ping", "-c", "1", "-W", "2", "10.22.0.2");
    pod.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
    host.run("ping", "-6", "-c", "1", "-W", "2", "fd00:22::2");
    if (cniVersion >= "0.4.0") {
      await cni.succeed("check", call());
      host.run("ip", "route", "del", "10.22.0.2");
      expect((await cni.run("check", call())).errors).toContain(
        "the host's route to 10.22.0.2 in table 254 is missing",
      );
    }
    await cni.succeed("del", call());
    expect(leases()).toEqual([]);
    expect(host.ip("link", "show").map(({ ifname }: { ifname: string }) => ifname)).toEqual(["lo"]);
    // Nobody asked the agent.
    expect(agent.calls).toEqual([]);
  });
});

test("static gives what it is told, and a second pod has the same way", async () => {
  configure({
    type: "static",
    addresses: [{ address: "10.23.0.9/24", gateway: "10.23.0.1" }],
    routes: [{ dst: "10.0.0.0/8" }],
  });
  const { ips, routes } = await cni.succeed("add", call());
  expect(ips).toMatchObject([{ address: "10.23.0.9/32" }]);
  expect(routes).toEqual([
    { dst: "10.23.0.0/24", gw: "169.254.1.1" },
    { dst: "10.0.0.0/8", gw: "169.254.1.1" },
  ]);
  host.run("ping", "-c", "1", "-W", "2", "10.23.0.9");
  await cni.succeed("status", call());
  await cni.succeed("del", call());
});

test("the configuration's DNS settings go before those of the IPAM plugin", async () => {
  writeFileSync(join(folder, "resolv.conf"), "nameserver 10.0.0.3\n");
  configure(hostLocal(), { dns: { nameservers: ["10.0.0.2"] } });
  expect((await cni.succeed("add", call())).dns).toEqual({ nameservers: ["10.0.0.2"] });
});

describe("an IPAM plugin of somebody", () => {
  test("gets the same standard input and environment, and may answer in the words of any version", async () => {
    install(
      "old-one",
      'echo \'{"cniVersion":"0.2.0","ip4":{"ip":"10.24.0.5/24","routes":[{"dst":"0.0.0.0/0"}]}}\'',
    );
    configure({ type: "old-one", key: "value" });
    expect((await cni.succeed("add", call())).ips).toMatchObject([{ address: "10.24.0.5/32" }]);
    const input = JSON.parse(readFileSync(join(folder, "input-ADD"), "utf8"));
    expect(input).toMatchObject({
      name: NETWORK,
      type: "tke-route-eni",
      ipam: { type: "old-one", key: "value" },
    });
    const environment = readFileSync(join(folder, "environment-ADD"), "utf8");
    for (const line of [
      `CNI_NETNS=${pod.path}`,
      "CNI_IFNAME=eth0",
      "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=a",
    ]) {
      expect(environment).toContain(line);
    }
    expect(environment).not.toContain("NO_PROXY");
    await cni.succeed("del", call());
    expect(existsSync(join(folder, "input-DEL"))).toBe(true);
  });

  test("that fails is asked to take back, and its words are handed on", async () => {
    install(
      "none-left",
      '[ $CNI_COMMAND = DEL ] && exit 0; echo \'{"cniVersion":"1.1.0","code":117,"msg":"no lease"}\'; exit 1',
    );
    configure({ type: "none-left" });
    const { exitCode, errors } = await cni.run("add", call());
    expect(exitCode).toBe(1);
    expect(errors).toContain("none-left: no lease");
    expect(existsSync(join(folder, "input-DEL"))).toBe(true);
    expect(host.ip("link", "show")).toHaveLength(1);
  });

  test.each([
    ["answers nothing", "exit 0", "the result of odd is no JSON"],
    ["gives no address", "echo '{\"ips\":[]}'", "has no ips"],
    ["gives what is no address", 'echo \'{"ips":[{"address":"10.24"}]}\'', '"10.24" is not an IP address'],
    ["dies", "kill -9 $$", "odd ended with signal SIGKILL"],
    ["fails in words of its own", "echo trouble; exit 3", 'odd ended with status 3 and "trouble'],
  ])("that %s is told by its name, and undone", async (_, script, text) => {
    install("odd", `[ $CNI_COMMAND = DEL ] && exit 0; ${script}`);
    configure({ type: "odd" });
    const { exitCode, errors } = await cni.run("add", call());
    expect(exitCode).toBe(1);
    expect(errors).toContain(text);
    expect(existsSync(join(folder, "input-DEL"))).toBe(true);
    expect(pod.ip("link", "show")).toHaveLength(1);
  });

  test("is asked to take back when the link cannot be made", async () => {
    install("fine", 'echo \'{"ips":[{"address":"10.24.0.5/24"}]}\'');
    configure({ type: "fine" });
    pod.run("ip", "link", "add", "eth0", "type", "ifb");
    expect((await cni.run("add", call())).exitCode).toBe(1);
    expect(existsSync(join(folder, "input-DEL"))).toBe(true);
  });

  test.each([
    ["is not there", "nowhere", "no folder of it has an executable nowhere"],
    ["leads out of CNI_PATH", "../bin/fine", "must be the name of an executable in CNI_PATH"],
    ["is a path", "/bin/true", "must be the name of an executable in CNI_PATH"],
    ["is the plugin itself", "tke-route-eni", "must be another plugin than the one itself"],
  ])("whose type %s is refused", async (_, type, text) => {
    configure({ type });
    expect((await cni.run("add", call())).errors).toContain(text);
  });
});

describe("addresses of the agent in both families", () => {
  beforeEach(() => {
    host.run("ip", "rule", "add", "pref", "512", "lookup", "512");
    host.run("ip", "-6", "rule", "add", "pref", "512", "lookup", "512");
    configure({
      type: "tke-eni-ipamc",
      backend: `unix://${agent.socket}`,
      releases: join(folder, "releases"),
    });
  });

  test.each([
    ["IPv6 alone", [6]],
    ["both", [4, 6]],
  ] as [string, (4 | 6)[]][])(
    "%s: the pod is reached at once, and all is taken away",
    async (_, families) => {
      agent.families = families;
      // What some distributions and runtimes set.
      pod.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
      host.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
      const { interfaces, ips, routes } = await cni.succeed("add", call());
      expect(ips).toContainEqual({ address: "fd00:16::5/128", gateway: "fe80::1", interface: 1 });
      expect(routes).toContainEqual({ dst: "::/0", gw: "fe80::1" });
      // No first packet waits for duplicate address detection.
      host.run("ping", "-6", "-c", "1", "-W", "1", "fd00:16::5");
      pod.run("ping", "-6", "-c", "1", "-W", "1", "fd00:1::11");
      if (families.includes(4)) {
        expect(ips).toHaveLength(2);
        host.run("ping", "-c", "1", "-W", "1", "10.0.16.5");
        pod.run("ping", "-c", "1", "-W", "1", "10.0.1.11");
      }
      const [inside] = pod.ip("-6", "address", "show", "eth0", "scope", "global");
      expect(inside.addr_info[0]).toMatchObject({ local: "fd00:16::5", prefixlen: 128, nodad: true });
      expect(host.ip("-6", "route", "show", "table", "512")).toMatchObject([
        { dst: "fd00:16::5", dev: interfaces[0].name },
      ]);
      await cni.succeed("check", call());
      // An ADD that is repeated.
      expect((await cni.succeed("add", call())).ips).toEqual(ips);
      pod.run("ip", "-6", "route", "del", "default");
      expect((await cni.run("check", call())).errors).toContain("eth0 lacks the route to ::/0 via fe80::1");
      await cni.succeed("del", call());
      expect(host.ip("-6", "route", "show", "table", "512")).toEqual([]);
      expect([...agent.held]).toEqual([]);
    },
  );
});
