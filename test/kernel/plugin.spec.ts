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
import type { QueuedRelease } from "../../src/plugins/release-queue.ts";
import { CompiledPlugins, type PluginName } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const CONTAINER = "c0ffee0000000000000000000000000000000000000000000000000000000001";
const OTHER_CONTAINER = "c0ffee0000000000000000000000000000000000000000000000000000000002";
/** `eni` and the beginning of `printf %s default.web-0 | sha1sum`. */
const HOST_LINK = `eni${new Bun.CryptoHasher("sha1").update("default.web-0").digest("hex").slice(0, 11)}`;
const TRASH = "3999";

const namespaces = new ThrowAwayNamespaces("tkpl");
let plugins: CompiledPlugins;
let folder: string;
let agent: FakeAddressService;
let host: ThrowAwayNamespace;
let pod: ThrowAwayNamespace;

beforeAll(async () => {
  plugins = await CompiledPlugins.build();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-plugin-test-"));
  agent = new FakeAddressService(join(folder, "cni.sock"));
  agent.start();
  host = namespaces.make("host");
  pod = namespaces.make("pod");
  host.run("ip", "address", "add", "10.0.1.11/32", "dev", "lo");
  host.run("ip", "rule", "add", "pref", "512", "lookup", "512");
  host.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
});

afterEach(async () => {
  await agent.stop();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  namespaces.removeAll();
  plugins.remove();
});

interface Invocation {
  readonly plugin?: PluginName;
  readonly version?: string;
  readonly container?: string;
  readonly netns?: string;
  readonly ifName?: string;
  readonly args?: string;
  /** Keys of the network configuration that differ. */
  readonly configuration?: object;
  readonly cwd?: string;
}

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
  // biome-ignore lint/suspicious/noExplicitAny: results and errors, of which each test looks at a few fields
  readonly json: any;
}

/** Runs a plugin as a runtime does, in the host's namespace. */
async function run(command: string, invocation: Invocation = {}): Promise<Outcome> {
  const {
    plugin = "tke-route-eni",
    version = "1.1.0",
    container = CONTAINER,
    netns = pod.path,
    ifName = "eth0",
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=uid-1",
    configuration = {},
    cwd = folder,
  } = invocation;
  const process = Bun.spawn(["ip", "netns", "exec", host.name, plugins.path(plugin)], {
    cwd,
    env: {
      PATH: Bun.env["PATH"],
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_ARGS: args,
      CNI_PATH: plugins.folder,
    },
    stdin: new TextEncoder().encode(
      JSON.stringify({
        cniVersion: version,
        name: "tke-route-eni",
        type: plugin,
        ipam: {
          type: "tke-eni-ipamc",
          backend: `unix://${agent.socket}`,
          releases: join(folder, "releases"),
        },
        ...configuration,
      }),
    ),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exitCode, output, errors] = await Promise.all([
    process.exited,
    process.stdout.text(),
    process.stderr.text(),
  ]);
  expect(errors).toBe("");
  return { exitCode, output, json: output === "" ? undefined : JSON.parse(output) };
}

async function succeed(command: string, invocation?: Invocation): Promise<Outcome> {
  const outcome = await run(command, invocation);
  expect(outcome).toMatchObject({ exitCode: 0 });
  return outcome;
}

function linkNames(namespace: ThrowAwayNamespace): string[] {
  return namespace.ip("link", "show").map(({ ifname }: { ifname: string }) => ifname);
}

function ping(from: ThrowAwayNamespace, to: string): void {
  from.run("ping", "-c", "1", "-W", "2", to);
}

function queuedReleases(): QueuedRelease[] {
  const releases = join(folder, "releases");
  return readdirSync(releases).map((name) => JSON.parse(readFileSync(join(releases, name), "utf8")));
}

describe.each(["1.0.0", "1.1.0"])("tke-route-eni under CNI %s", (version) => {
  test("ADD gives a pod its address, its way out and its way in", async () => {
    const { json } = await succeed("ADD", { version });

    const [inside] = pod.ip("-details", "link", "show", "eth0");
    const [outside] = host.ip("-details", "link", "show", HOST_LINK);
    expect(outside).toMatchObject({
      group: "4003",
      ifalias: CONTAINER,
      mtu: 1500,
      linkinfo: { info_kind: "veth" },
      flags: expect.arrayContaining(["UP", "LOWER_UP"]),
    });
    expect(host.run("cat", `/proc/sys/net/ipv4/conf/${HOST_LINK}/rp_filter`)).toBe("1\n");
    expect(host.ip("route", "show", "table", "512")).toMatchObject([
      { dst: "10.0.16.5", dev: HOST_LINK, scope: "link", prefsrc: "10.0.1.11" },
    ]);
    expect(pod.ip("-4", "address", "show", "eth0")[0].addr_info).toMatchObject([
      { local: "10.0.16.5", prefixlen: 32 },
    ]);
    expect(pod.ip("route", "show")).toMatchObject([
      { dst: "default", gateway: "169.254.1.1", dev: "eth0" },
      { dst: "169.254.1.1", dev: "eth0", scope: "link" },
    ]);
    expect(pod.ip("neighbour", "show")).toMatchObject([
      { dst: "169.254.1.1", dev: "eth0", lladdr: outside.address, state: ["PERMANENT"] },
    ]);

    const mtu = version === "1.0.0" ? {} : { mtu: 1500 };
    expect(json).toEqual({
      cniVersion: version,
      interfaces: [
        { name: HOST_LINK, mac: outside.address, ...mtu },
        { name: "eth0", mac: inside.address, sandbox: pod.path, ...mtu },
      ],
      ips: [{ address: "10.0.16.5/32", gateway: "169.254.1.1", interface: 1 }],
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      dns: {},
    });
    ping(pod, "10.0.1.11");
    ping(host, "10.0.16.5");
  });

  test("ADD twice gives the same result and leaves one link", async () => {
    const first = await succeed("ADD", { version });
    const second = await succeed("ADD", { version });
    expect(second.json).toEqual(first.json);
    expect(linkNames(host)).toEqual(["lo", HOST_LINK]);
    ping(host, "10.0.16.5");
  });

  test("DEL takes everything away, and once more", async () => {
    const { json } = await succeed("ADD", { version });
    const configuration = { prevResult: json };
    expect((await succeed("DEL", { version, configuration })).output).toBe("");

    expect(linkNames(pod)).not.toContain("eth0");
    expect(linkNames(host)).not.toContain(HOST_LINK);
    // The agent is there and empties the trash; its fake does not.
    expect(host.ip("link", "show", "group", TRASH)).toMatchObject([
      { ifalias: CONTAINER, operstate: "DOWN" },
    ]);
    expect(host.ip("route", "show", "table", "512")).toEqual([]);
    expect([...agent.held]).toEqual([]);

    await succeed("DEL", { version, configuration });
  });

  test("VERSION", async () => {
    const { json } = await succeed("VERSION", { version });
    expect(json).toEqual({ cniVersion: version, supportedVersions: ["1.0.0", "1.1.0"] });
  });

  test.each(["CHECK", "GC"])("%s is refused, since nothing is looked at or cleaned up", async (command) => {
    const { exitCode, json } = await run(command, { version });
    const known = version === "1.1.0" || command === "CHECK";
    expect({ exitCode, json }).toMatchObject({
      exitCode: 1,
      json: { cniVersion: version, code: known ? 4 : 1 },
    });
  });

  test("STATUS does not make a node NotReady while its agent is away", async () => {
    await agent.stop();
    const { exitCode, output } = await run("STATUS", { version });
    expect(exitCode).toBe(version === "1.0.0" ? 1 : 0);
    if (version === "1.1.0") expect(output).toBe("");
  });
});

describe("ADD", () => {
  test("tells the agent whose it is, and how long it waits", async () => {
    await succeed("ADD");
    const [call] = agent.calls;
    expect(call?.method).toBe("Allocate");
    expect(call?.request).toEqual({
      attachment: {
        containerId: CONTAINER,
        ifName: "eth0",
        podNamespace: "default",
        podName: "web-0",
        podUid: "uid-1",
      },
      netns: pod.path,
    });
    expect(call?.headers.get("content-type")).toBe("application/json");
    expect(Number(call?.headers.get("connect-timeout-ms"))).toBeGreaterThan(0);
  });

  test("takes the configuration's MTU before the agent's", async () => {
    await succeed("ADD", { configuration: { mtu: 1400 } });
    expect(pod.ip("link", "show", "eth0")).toMatchObject([{ mtu: 1400 }]);
    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ mtu: 1400 }]);
  });

  test("completes one that ended between its two sends", async () => {
    const { json } = await succeed("ADD");
    host.run("ip", "link", "set", HOST_LINK, "down", "alias", "");
    expect(host.ip("route", "show", "table", "512")).toEqual([]);

    expect((await succeed("ADD")).json).toEqual(json);
    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: CONTAINER }]);
    ping(pod, "10.0.1.11");
  });

  test("moves away what an older sandbox of the same pod has left, whose DEL then harms nothing", async () => {
    await succeed("ADD");
    const newer = namespaces.make("newer");
    const second = { container: OTHER_CONTAINER, netns: newer.path };
    await succeed("ADD", second);

    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: OTHER_CONTAINER }]);
    expect(host.ip("link", "show", "group", TRASH)).toMatchObject([{ ifalias: CONTAINER }]);
    ping(newer, "10.0.1.11");

    await succeed("DEL");
    expect([...agent.held.keys()]).toEqual([`${OTHER_CONTAINER}/eth0`]);
    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: OTHER_CONTAINER }]);
    ping(host, "10.0.16.6");
    await succeed("DEL", second);
    expect(linkNames(host)).not.toContain(HOST_LINK);
  });

  test("after a DEL works again in the same namespace, before the trash is emptied", async () => {
    await succeed("ADD");
    await succeed("DEL");
    await succeed("ADD", { container: OTHER_CONTAINER });
    ping(pod, "10.0.1.11");
  });

  test("gives a pod a second interface that leaves the first one's default route alone", async () => {
    await succeed("ADD");
    await succeed("ADD", { ifName: "eth1" });
    expect(pod.ip("route", "show", "default")).toMatchObject([{ dev: "eth0" }]);
    expect([...agent.held.keys()]).toEqual([`${CONTAINER}/eth0`, `${CONTAINER}/eth1`]);
    await succeed("DEL", { ifName: "eth1" });
    ping(pod, "10.0.1.11");
  });

  test("gives the address back when the pod has such an interface from someone else", async () => {
    pod.run("ip", "link", "add", "eth0", "type", "ifb");
    const { exitCode, json } = await run("ADD");
    expect(exitCode).toBe(1);
    expect(json.code).toBe(4);
    expect(json.msg).toContain('CNI_IFNAME is "eth0"');
    expect([...agent.held]).toEqual([]);
    expect(linkNames(pod)).toEqual(["lo", "eth0"]);
    expect(linkNames(host)).toEqual(["lo"]);
  });

  test("undoes what it did when the kernel refuses the rest", async () => {
    // The host's route names the node's address as source, which the kernel refuses where no link has it.
    host.run("ip", "address", "del", "10.0.1.11/32", "dev", "lo");
    const { exitCode, json } = await run("ADD");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 101 } });
    expect(json.msg).toContain("cannot set route 10.0.16.5/32");
    expect([...agent.held]).toEqual([]);
    expect(linkNames(host)).not.toContain(HOST_LINK);
    expect(linkNames(pod)).not.toContain("eth0");
  });

  test("is to be tried again, and says why, when the agent has no address", async () => {
    const message = "all 10 addresses of this node are in use and subnet-pods0001 is full: add a subnet";
    agent.failure = { status: 429, body: { code: "resource_exhausted", message } };
    const { exitCode, json } = await run("ADD");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 11, msg: message } });
    expect(linkNames(pod)).toEqual(["lo"]);
  });

  test("is to be tried again when the agent is away", async () => {
    await agent.stop();
    const { exitCode, json } = await run("ADD");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 11 } });
    expect(json.msg).toBe(
      `cannot reach tke-eni-agent at ${agent.socket} (ENOENT): see that the tke-eni-agent pod of this node is running`,
    );
  });

  test.each([
    ["is not there", "/run/netns/tkpl-nobody", "cannot be opened"],
    ["is the host's own", "/proc/self/ns/net", "host's own"],
  ])("refuses a namespace that %s", async (_, netns, text) => {
    const { json } = await run("ADD", { netns });
    expect(json.code).toBe(4);
    expect(json.msg).toContain(`CNI_NETNS is "${netns}"`);
    expect(json.msg).toContain(text);
    expect(agent.calls).toEqual([]);
  });

  test("without a pod (cnitool) names the link after the container", async () => {
    const { json } = await succeed("ADD", { args: "" });
    expect(json.interfaces[0].name).toBe(
      `eni${new Bun.CryptoHasher("sha1").update(CONTAINER).digest("hex").slice(0, 11)}`,
    );
    await succeed("DEL", { args: "" });
    expect(linkNames(pod)).not.toContain("eth0");
  });
});

describe("DEL", () => {
  test("works while the agent is away: links are deleted, the release is queued", async () => {
    await succeed("ADD");
    await agent.stop();
    const before = Date.now();
    await succeed("DEL");
    expect(linkNames(host)).toEqual(["lo"]);
    expect(linkNames(pod)).toEqual(["lo"]);
    expect(queuedReleases()).toMatchObject([{ containerId: CONTAINER, ifName: "eth0" }]);
    expect(Date.parse(queuedReleases()[0]?.queuedAt ?? "")).toBeGreaterThanOrEqual(before);
    await succeed("DEL");
    expect(queuedReleases()).toHaveLength(1);
  });

  test("queues the release when the agent cannot serve yet", async () => {
    await succeed("ADD");
    agent.failure = { status: 503, body: { code: "unavailable", message: "reading the store" } };
    await succeed("DEL");
    expect(queuedReleases()).toHaveLength(1);
  });

  test("fails when neither the agent nor the disk takes the release, so that it is tried again", async () => {
    await agent.stop();
    writeFileSync(join(folder, "releases"), "a file where the folder should be");
    const { exitCode, json } = await run("DEL");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 5 } });
  });

  test.each<[string, () => string]>([
    ["an unknown container", () => pod.path],
    ["no namespace", () => ""],
    ["a namespace that is gone", () => "/run/netns/tkpl-nobody"],
    ["a file on which no namespace is mounted any more", () => join(folder, "netns")],
  ])("of %s succeeds", async (_, netns) => {
    writeFileSync(join(folder, "netns"), "");
    await succeed("DEL", { netns: netns() });
    expect(agent.calls.map(({ method }) => method)).toEqual(["Release"]);
  });

  test("after the namespace's death succeeds and gives the address back", async () => {
    await succeed("ADD");
    const { path } = pod;
    namespaces.remove(pod);
    await succeed("DEL", { netns: path });
    expect([...agent.held]).toEqual([]);
  });

  test("with an empty CNI_NETNS still takes the host's link away", async () => {
    await succeed("ADD");
    await succeed("DEL", { netns: "" });
    expect(linkNames(host)).not.toContain(HOST_LINK);
    expect(host.ip("route", "show", "table", "512")).toEqual([]);
  });

  test("leaves a link alone whose alias is not its own", async () => {
    await succeed("ADD");
    await succeed("DEL", { container: OTHER_CONTAINER });
    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: CONTAINER }]);
    ping(pod, "10.0.1.11");
  });
});

describe.each(["1.0.0", "1.1.0"])("tke-eni-ipamc of its own under CNI %s", (version) => {
  test("ADD, ADD, DEL, DEL", async () => {
    const plugin = "tke-eni-ipamc";
    const result = {
      cniVersion: version,
      ips: [{ address: "10.0.16.5/32", gateway: "169.254.1.1" }],
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      dns: {},
    };
    expect((await succeed("ADD", { plugin, version })).json).toEqual(result);
    expect((await succeed("ADD", { plugin, version })).json).toEqual(result);
    expect([...agent.held]).toEqual([[`${CONTAINER}/eth0`, "10.0.16.5"]]);
    await succeed("DEL", { plugin, version });
    await succeed("DEL", { plugin, version });
    expect([...agent.held]).toEqual([]);
    expect(linkNames(pod)).toEqual(["lo"]);
  });
});

test("an agent behind HOST:PORT is reached past the proxy of the runtime's environment", async () => {
  using proxy = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("from the proxy") });
  using tcpAgent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({}) });
  const ipamc = Bun.spawn([plugins.path("tke-eni-ipamc")], {
    env: {
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: CONTAINER,
      CNI_IFNAME: "eth0",
      HTTP_PROXY: proxy.url.href,
      http_proxy: proxy.url.href,
      NO_PROXY: "example.com",
    },
    stdin: new TextEncoder().encode(
      JSON.stringify({
        cniVersion: "1.1.0",
        name: "a",
        type: "tke-eni-ipamc",
        ipam: {
          type: "tke-eni-ipamc",
          backend: `127.0.0.1:${tcpAgent.port}`,
          releases: join(folder, "releases"),
        },
      }),
    ),
    stdout: "pipe",
  });
  expect({ exitCode: await ipamc.exited, output: await ipamc.stdout.text() }).toEqual({
    exitCode: 0,
    output: "",
  });
  expect(existsSync(join(folder, "releases"))).toBe(false);
});

test("nothing in the current directory is run or read", async () => {
  const cwd = join(folder, "trap");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(cwd, "preload.ts"), "process.exit(77);\n");
  writeFileSync(join(cwd, ".env"), "CNI_COMMAND=DEL\n");
  const { json } = await succeed("VERSION", { cwd });
  expect(json.supportedVersions).toEqual(["1.0.0", "1.1.0"]);
});
