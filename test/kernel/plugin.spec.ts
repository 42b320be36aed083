import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../src/kube/testing/eventually.ts";
import type { QueuedRelease } from "../../src/plugins/release-queue.ts";
import { CONTAINER, callPlugin, type Invocation, OTHER_CONTAINER, type Outcome } from "./call-plugin.ts";
import { CompiledPlugins } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

/** `eni` and the beginning of `printf %s default.web-0 | sha1sum`. */
const HOST_LINK = `eni${new Bun.CryptoHasher("sha1").update("default.web-0").digest("hex").slice(0, 11)}`;
const TRASH = "3999";
const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

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
  await agent.end();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
});

afterAll(() => {
  namespaces.removeAll();
  plugins.remove();
});

function run(command: string, invocation: Partial<Invocation> = {}): Promise<Outcome> {
  const world = { plugins, host, folder, socket: agent.socket };
  return callPlugin(world, command, { netns: pod.path, ...invocation });
}

async function succeed(command: string, invocation?: Partial<Invocation>): Promise<Outcome> {
  const outcome = await run(command, invocation);
  expect(outcome).toMatchObject({ exitCode: 0 });
  return outcome;
}

/** Who does the work in the kernel: plugins do it themselves where the agent does not. */
const MAKERS = ["plugin", "agent"] as const;

function letMake(maker: (typeof MAKERS)[number]): void {
  if (maker === "agent") agent.makeLinks(host);
}

/** Once the agent has deleted what it has taken. */
function linkNames(namespace: ThrowAwayNamespace): string[] {
  agent.deleteLinks();
  return namespace.ip("link", "show").map(({ ifname }: { ifname: string }) => ifname);
}

function ping(from: ThrowAwayNamespace, to: string): void {
  from.run("ping", "-c", "1", "-W", "2", to);
}

function queuedReleases(): QueuedRelease[] {
  const releases = join(folder, "releases");
  return readdirSync(releases).map((name) => JSON.parse(readFileSync(join(releases, name), "utf8")));
}

describe.each(MAKERS)("with the link made by the %s", (maker) => {
  beforeEach(() => letMake(maker));

  describe.each(VERSIONS)("tke-route-eni under CNI %s", (version) => {
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

      const mtu = version === "1.1.0" ? { mtu: 1500 } : {};
      const family = version < "1.0.0" ? { version: "4" } : {};
      expect(json).toEqual({
        cniVersion: version,
        interfaces: [
          { name: HOST_LINK, mac: outside.address, ...mtu },
          { name: "eth0", mac: inside.address, sandbox: pod.path, ...mtu },
        ],
        ips: [{ ...family, address: "10.0.16.5/32", gateway: "169.254.1.1", interface: 1 }],
        routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
        dns: {},
      });
      ping(pod, "10.0.1.11");
      ping(host, "10.0.16.5");
      expect(agent.linksDone).toEqual({ made: maker === "agent" ? 1 : 0, taken: 0 });
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
      expect(host.ip("link", "show", "group", TRASH)).toMatchObject(
        maker === "agent" ? [] : [{ ifalias: CONTAINER, operstate: "DOWN" }],
      );
      expect(host.ip("route", "show", "table", "512")).toEqual([]);
      expect([...agent.held]).toEqual([]);
      expect(agent.linksDone.taken).toBe(maker === "agent" ? 1 : 0);

      await succeed("DEL", { version, configuration });
    });

    test("VERSION", async () => {
      const { json } = await succeed("VERSION", { version });
      expect(json).toEqual({ cniVersion: version, supportedVersions: VERSIONS });
    });

    test("CHECK finds all in place, from 0.4.0 on", async () => {
      const { json } = await succeed("ADD", { version });
      const outcome = await run("CHECK", { version, configuration: { prevResult: json } });
      if (version >= "0.4.0") expect(outcome).toMatchObject({ exitCode: 0, output: "" });
      else expect(outcome).toMatchObject({ exitCode: 1, json: { cniVersion: version, code: 1 } });
    });

    test.each(["GC", "STATUS"])("%s works from 1.1.0 on", async (command) => {
      const configuration = { "cni.dev/valid-attachments": [] };
      const outcome = await run(command, { version, configuration });
      if (version === "1.1.0") expect(outcome).toMatchObject({ exitCode: 0, output: "" });
      else expect(outcome).toMatchObject({ exitCode: 1, json: { cniVersion: version, code: 1 } });
    });
  });
});

describe("CHECK", () => {
  /** What CHECK says is wrong after `breakIt`. */
  async function findings(
    breakIt: (added: Outcome["json"]) => unknown,
  ): Promise<{ code: number; msg: string }> {
    const { json } = await succeed("ADD");
    const prevResult = (await breakIt(json)) ?? json;
    const { exitCode, json: error } = await run("CHECK", { configuration: { prevResult } });
    expect(exitCode).toBe(1);
    return error;
  }

  const breaks: readonly [string, () => void, string][] = [
    [
      "the address",
      () => pod.run("ip", "address", "del", "10.0.16.5/32", "dev", "eth0"),
      "eth0 lacks address 10.0.16.5/32, and has none",
    ],
    [
      "the default route",
      () => pod.run("ip", "route", "del", "default"),
      "eth0 lacks the route to 0.0.0.0/0 via 169.254.1.1",
    ],
    [
      "the neighbour",
      () => {
        pod.run(
          ..."ip neighbour replace 169.254.1.1 lladdr 02:00:00:00:00:97 dev eth0 nud permanent".split(" "),
        );
      },
      "MAC of the neighbour 169.254.1.1 on eth0 is 02:00:00:00:00:97, and should be",
    ],
    [
      "the host's route",
      () => host.run("ip", "route", "flush", "table", "512"),
      "the host's route to 10.0.16.5 in table 512 is missing",
    ],
    [
      "the source of the host's route",
      () =>
        host.run("ip", "route", "replace", "10.0.16.5/32", "dev", HOST_LINK, "scope", "link", "table", "512"),
      "source of the host's route to 10.0.16.5 in table 512 is not set, and should be 10.0.1.11",
    ],
    [
      "the group",
      () => host.run("ip", "link", "set", HOST_LINK, "group", "7"),
      `group of ${HOST_LINK} is 7, and should be 4003`,
    ],
    [
      "the alias",
      () => host.run("ip", "link", "set", HOST_LINK, "alias", "other"),
      `alias of ${HOST_LINK} is other, and should be ${CONTAINER}`,
    ],
    [
      "rp_filter",
      () => host.run("sysctl", "-qw", `net.ipv4.conf.${HOST_LINK}.rp_filter=0`),
      `rp_filter of ${HOST_LINK} is 0, and should be 1`,
    ],
    [
      "the pod's MAC",
      () => pod.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"),
      "MAC of eth0 is 02:00:00:00:00:99, and should be",
    ],
    [
      "the MTU on the host",
      () => host.run("ip", "link", "set", HOST_LINK, "mtu", "1400"),
      `MTU of ${HOST_LINK} is 1400, and should be 1500`,
    ],
    [
      "the pod's link",
      () => pod.run("ip", "link", "set", "eth0", "down"),
      "state of eth0 is down, and should be up",
    ],
    [
      "the whole link",
      () => pod.run("ip", "link", "del", "eth0"),
      `link ${HOST_LINK} is missing on the host`,
    ],
  ];
  test.each(breaks)(
    "names %s that is gone or another, with what was expected and found",
    async (_, breakIt, text) => {
      const { code, msg } = await findings(() => void breakIt());
      expect(code).toBe(102);
      expect(msg).toContain(text);
    },
  );

  test("names everything at once, the agent's problems too", async () => {
    agent.problems = ["eni-1 is not ready: its link is down"];
    const { code, msg } = await findings(() => {
      pod.run("ip", "route", "del", "default");
      host.run("ip", "link", "set", HOST_LINK, "group", "7");
    });
    expect(code).toBe(102);
    for (const part of ["lacks the route", "group of", "eni-1 is not ready: its link is down"]) {
      expect(msg).toContain(part);
    }
  });

  test("names an address that the agent has given to another", async () => {
    const { msg } = await findings(async () => {
      await succeed("DEL", { plugin: "tke-eni-ipamc" });
      await succeed("ADD", { plugin: "tke-eni-ipamc" });
    });
    expect(msg).toContain("tke-eni-agent has 10.0.16.6 on record for it, and prevResult has 10.0.16.5");
  });

  test("finds fault with nothing that a plugin of the chain has changed and told", async () => {
    const { json } = await succeed("ADD");
    pod.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:99");
    pod.run("ip", "route", "del", "default");
    pod.run("ip", "link", "set", "eth0", "mtu", "1300");
    // It forgets all neighbours with its MAC, and asks for the next hop; a node answers, since its own way there is another.
    host.run("ip", "link", "add", "uplink", "up", "type", "ifb");
    host.run("ip", "route", "add", "default", "dev", "uplink");
    pod.run("ip", "route", "add", "10.0.1.11", "via", "169.254.1.1", "dev", "eth0", "onlink");
    ping(pod, "10.0.1.11");
    const [outside, inside] = json.interfaces;
    const prevResult = {
      ...json,
      interfaces: [
        outside,
        { name: "ifb0", mac: "02:00:00:00:00:98" },
        { ...inside, mac: "02:00:00:00:00:99" },
      ],
      ips: json.ips.map((ip: object) => ({ ...ip, interface: 2 })),
      routes: [],
    };
    await succeed("CHECK", { configuration: { prevResult } });
  });

  test("is code 3 for an attachment of which nothing is left, and 11 where only the agent is away", async () => {
    const { json } = await succeed("ADD");
    const configuration = { prevResult: json };
    await agent.stop();
    expect(await run("CHECK", { configuration })).toMatchObject({ exitCode: 1, json: { code: 11 } });
    agent.start();
    await succeed("DEL");
    expect(await run("CHECK", { configuration })).toMatchObject({ exitCode: 1, json: { code: 3 } });
  });

  test("waits for what is being mended", async () => {
    const { json } = await succeed("ADD");
    agent.problems = ["the node's network cannot be set up"];
    const checking = run("CHECK", { configuration: { prevResult: json } });
    await eventually("it has asked", () => agent.calls.some(({ method }) => method === "Check"));
    agent.problems = [];
    expect(await checking).toMatchObject({ exitCode: 0 });
  });

  test("needs the result of ADD", async () => {
    expect(await run("CHECK")).toMatchObject({ exitCode: 1, json: { code: 7 } });
    expect((await run("CHECK")).json.msg).toContain("prevResult must be the result of ADD, and is missing");
  });
});

describe("GC", () => {
  const KEY = "cni.dev/valid-attachments";

  function garbage(valid: unknown, more: object = {}): Promise<Outcome> {
    return run("GC", { configuration: { [KEY]: valid, ...more } });
  }

  test("takes away what the runtime does not name, link and address, and leaves the rest", async () => {
    const newer = namespaces.make("newer");
    await succeed("ADD");
    await succeed("ADD", { container: OTHER_CONTAINER, netns: newer.path, args: "" });
    expect(await garbage([{ containerID: OTHER_CONTAINER, ifname: "eth0" }])).toMatchObject({
      exitCode: 0,
      output: "",
    });
    expect([...agent.held.keys()]).toEqual([`${OTHER_CONTAINER}/eth0`]);
    expect(host.ip("link", "show", "group", TRASH)).toMatchObject([{ ifalias: CONTAINER }]);
    expect(host.ip("route", "show", "table", "512")).toMatchObject([{ dst: "10.0.16.6" }]);
    ping(newer, "10.0.1.11");
  });

  test("leaves attachments of another network, and a link that a newer sandbox of the pod has", async () => {
    await succeed("ADD");
    expect(await garbage([], { name: "another" })).toMatchObject({ exitCode: 0 });
    expect([...agent.held.keys()]).toEqual([`${CONTAINER}/eth0`]);
    const newer = namespaces.make("newer");
    await succeed("ADD", { container: OTHER_CONTAINER, netns: newer.path });
    await garbage([{ containerID: OTHER_CONTAINER, ifname: "eth0" }]);
    expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: OTHER_CONTAINER }]);
    ping(newer, "10.0.1.11");
  });

  test.each([
    ["is missing", {}],
    ["is null", { [KEY]: null }],
    ["is no list", { [KEY]: {} }],
    ["names no container", { [KEY]: [{ ifname: "eth0" }] }],
  ])("destroys nothing when the list %s", async (_, configuration) => {
    await succeed("ADD");
    expect(await run("GC", { configuration })).toMatchObject({ exitCode: 1, json: { code: 7 } });
    expect([...agent.held.keys()]).toEqual([`${CONTAINER}/eth0`]);
  });

  test("reads the key that runtimes used before it was settled", async () => {
    await succeed("ADD");
    await succeed("GC", { configuration: { "cni.dev/attachments": [] } });
    expect([...agent.held]).toEqual([]);
  });

  test("is to be tried again when the agent is away", async () => {
    await agent.stop();
    expect(await garbage([])).toMatchObject({ exitCode: 1, json: { code: 11 } });
  });
});

describe("STATUS", () => {
  const served = () => join(folder, "served");

  test("is code 50 on a node that never served since its boot", async () => {
    await agent.stop();
    const { exitCode, json } = await run("STATUS");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 50 } });
    expect(json.msg).toContain(`has not served since this node's boot (there is no ${served()})`);
  });

  test("does not make a node NotReady while its agent is replaced, or finds out who holds what", async () => {
    writeFileSync(served(), "");
    agent.failure = { status: 503, body: { code: "unavailable", message: "reading the store" } };
    await succeed("STATUS");
    await agent.stop();
    await succeed("STATUS");
    await succeed("STATUS", { plugin: "tke-eni-ipamc" });
  });

  test("is code 50 when the agent has been gone for a minute", async () => {
    await agent.stop();
    writeFileSync(served(), "");
    const then = Date.now() / 1000 - 61;
    utimesSync(served(), then, then);
    const { exitCode, json } = await run("STATUS");
    expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 50 } });
    expect(json.msg).toContain("has not served for 61 s");
    agent.start();
    await succeed("STATUS");
  });

  test("is a success with an agent that does not know the question yet", async () => {
    await agent.stop();
    using older = Bun.serve({ unix: agent.socket, fetch: () => new Response(null, { status: 404 }) });
    expect(older.url).toBeDefined();
    await succeed("STATUS");
  });

  test("is an error for a configuration by which no ADD could work", async () => {
    expect(await run("STATUS", { configuration: { mtu: 1 } })).toMatchObject({
      exitCode: 1,
      json: { code: 7 },
    });
  });
});

describe.each(MAKERS)("with the link made by the %s", (maker) => {
  beforeEach(() => letMake(maker));

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
        network: "tke-route-eni",
        link: 1,
        makeLink: true,
        netnsInode: String(statSync(pod.path).ino),
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
      const [first, second] = pod.ip("route", "show", "default");
      expect(first).toMatchObject({ dev: "eth0" });
      expect(first.metric).toBeUndefined();
      expect(second).toMatchObject({ dev: "eth1", metric: expect.any(Number) });
      expect([...agent.held.keys()]).toEqual([`${CONTAINER}/eth0`, `${CONTAINER}/eth1`]);
      ping(host, "10.0.16.6");
      pod.run("ping", "-c", "1", "-W", "2", "-I", "10.0.16.6", "10.0.1.11");
      await succeed("DEL", { ifName: "eth1" });
      expect(pod.run("ip", "rule")).not.toContain("10.0.16.6");
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

    test("takes back what the agent may have done, when nobody can read its answer", async () => {
      agent.nonsense = "half of an ans";
      expect(await run("ADD")).toMatchObject({ exitCode: 1, json: { code: 100 } });
      expect(agent.linksDone.made).toBe(maker === "agent" ? 1 : 0);
      expect([...agent.held]).toEqual([]);
      expect(linkNames(host)).toEqual(["lo"]);
      expect(linkNames(pod)).toEqual(["lo"]);
    });

    test("is to be tried again, and says why, when the agent has no address", async () => {
      const message = "all 10 addresses of this node are in use and subnet-pods0001 is full: add a subnet";
      agent.failure = { status: 429, body: { code: "resource_exhausted", message } };
      const { exitCode, json } = await run("ADD");
      expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 11, msg: message } });
      expect(linkNames(pod)).toEqual(["lo"]);
    });

    test("is to be tried again when the agent stays away", async () => {
      await agent.stop();
      const { exitCode, json } = await run("ADD");
      expect({ exitCode, json }).toMatchObject({ exitCode: 1, json: { code: 11 } });
      expect(json.msg).toBe(
        `cannot reach tke-eni-agent at ${agent.socket} (ENOENT): see that the tke-eni-agent pod of this node is running`,
      );
    }, 30_000);

    test("waits for an agent that is being replaced", async () => {
      await agent.stop();
      const added = run("ADD");
      await Bun.sleep(300);
      // First it is not ready, as one that has just started.
      agent.failure = { status: 503, body: { code: "unavailable", message: "reading the store" } };
      agent.start();
      while (agent.calls.length < 2) await Bun.sleep(10);
      agent.failure = undefined;
      const { exitCode, json } = await added;
      expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { ips: [{ address: "10.0.16.5/32" }] } });
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
});

describe.each(VERSIONS)("tke-eni-ipamc of its own under CNI %s", (version) => {
  test("ADD, ADD, DEL, DEL", async () => {
    const plugin = "tke-eni-ipamc";
    const family = version < "1.0.0" ? { version: "4" } : {};
    const result = {
      cniVersion: version,
      ips: [{ ...family, address: "10.0.16.5/32", gateway: "169.254.1.1" }],
      routes: [
        { dst: "0.0.0.0/0", gw: "0.0.0.0", priority: 4096, scope: 253 },
        { dst: "10.0.16.5/32", gw: "169.254.1.1" },
        { dst: "0.0.0.0/0", gw: "169.254.1.1" },
      ],
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
  expect(json.supportedVersions).toEqual(VERSIONS);
});
