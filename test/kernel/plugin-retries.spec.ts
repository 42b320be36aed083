// What kubelets do to a plugin: they kill it, call it again, call two at once, and come late.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTAINER, callPlugin, type Invocation, OTHER_CONTAINER, type Outcome } from "./call-plugin.ts";
import { CompiledPlugins } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
const ROUNDS_MS = 240_000;
const HOST_LINK = `eni${new Bun.CryptoHasher("sha1").update("default.web-0").digest("hex").slice(0, 11)}`;

const namespaces = new ThrowAwayNamespaces("tkre");
let plugins: CompiledPlugins;
let folder: string;
let agent: FakeAddressService;
let host: ThrowAwayNamespace;
let pod: ThrowAwayNamespace;

beforeAll(async () => {
  plugins = await CompiledPlugins.build();
}, SET_UP_MS);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-retries-test-"));
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

/** What is left on the host and inside that is not in the trash. */
function leftovers(...inside: readonly ThrowAwayNamespace[]): unknown {
  agent.deleteLinks();
  const names = (namespace: ThrowAwayNamespace) =>
    namespace
      .ip("link", "show")
      .map(({ ifname }: { ifname: string }) => ifname)
      .filter((name: string) => name !== "lo" && !name.startsWith("gone"));
  return {
    host: names(host),
    pods: inside.flatMap(names),
    rules: inside.flatMap((it) => it.run("ip", "rule").match(/1024:/g) ?? []),
    routes: host.ip("route", "show", "table", "512"),
    addresses: [...agent.held.keys()],
  };
}

const NOTHING = { host: [], pods: [], rules: [], routes: [], addresses: [] };

function emptyTrash(): void {
  if (host.ip("link", "show", "group", "3999").length > 0) host.run("ip", "link", "del", "group", "3999");
}

/** Steps of an ADD, last first: what undoes each, on top of those before. */
const STEPS: readonly [string, () => void][] = [
  ["the host's route", () => host.run("ip", "route", "flush", "table", "512")],
  [
    "the host's end being up, under its owner's name",
    () => host.run("ip", "link", "set", HOST_LINK, "down", "alias", ""),
  ],
  ["the neighbour", () => pod.run("ip", "neighbour", "flush", "dev", "eth0", "nud", "permanent")],
  ["the default route", () => pod.run("ip", "route", "del", "default")],
  ["the route to the next hop", () => pod.run("ip", "route", "del", "169.254.1.1")],
  ["the address", () => pod.run("ip", "address", "flush", "dev", "eth0")],
  ["the link", () => pod.run("ip", "link", "del", "eth0")],
];

describe.each(["plugin", "agent"])("with the link made by the %s", (maker) => {
  beforeEach(() => {
    if (maker === "agent") agent.makeLinks(host);
  });

  describe.each(STEPS.map(([name], at) => [name, at] as const))("an ADD that ended before %s", (_, at) => {
    async function half(): Promise<object> {
      const { json } = await succeed("ADD");
      for (const [, undo] of STEPS.slice(0, at + 1)) undo();
      return json;
    }

    test("is completed by the next one, with the same address", async () => {
      const before = (await half()) as Outcome["json"];
      const { json } = await succeed("ADD");
      expect(json.ips).toEqual(before.ips);
      if (at < STEPS.length - 1) expect(json).toEqual(before);
      host.run("ping", "-c", "1", "-W", "2", "10.0.16.5");
      pod.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
      await succeed("CHECK", { configuration: { prevResult: json } });
    });

    test("is taken away by DEL", async () => {
      await half();
      await succeed("DEL");
      expect(leftovers(pod)).toEqual(NOTHING);
    });
  });

  test(
    "an ADD that is killed at any moment is completed by the next one, and leaves nothing after DEL",
    async () => {
      for (let round = 0; round < 40; round++) {
        await run("ADD", { killAfterMs: 1 + (round % 20) * 2 });
        if (round % 2 === 0) {
          const { json } = await succeed("ADD");
          await succeed("CHECK", { configuration: { prevResult: json } });
          pod.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
        }
        await succeed("DEL");
        expect(leftovers(pod)).toEqual(NOTHING);
        emptyTrash();
      }
    },
    ROUNDS_MS,
  );

  test(
    "a DEL that is killed at any moment is completed by the next one",
    async () => {
      for (let round = 0; round < 20; round++) {
        await succeed("ADD");
        await run("DEL", { killAfterMs: 1 + round * 2 });
        await succeed("DEL");
        expect(leftovers(pod)).toEqual(NOTHING);
        emptyTrash();
      }
    },
    ROUNDS_MS,
  );

  test(
    "ADD and DEL of one pod at once, in any order, leave nothing after the last DEL",
    async () => {
      for (let round = 0; round < 40; round++) {
        const calls = (["ADD", "DEL", "ADD", "DEL"] as const).map((command) => ({
          command,
          at: Math.random(),
        }));
        const outcomes = await Promise.all(
          calls
            .toSorted((a, b) => a.at - b.at)
            .map(async ({ command }, place) => {
              await Bun.sleep(place * Math.random() * 4);
              return { command, ...(await run(command)) };
            }),
        );
        for (const { command, exitCode, json } of outcomes) {
          if (command === "DEL") expect({ exitCode, json }).toMatchObject({ exitCode: 0 });
          // An ADD whose link was taken from under it says so; the kubelet tries it again.
          else if (exitCode !== 0) expect([11, 101], json.msg).toContain(json.code);
        }
        await succeed("DEL");
        expect(leftovers(pod)).toEqual(NOTHING);
        const { json } = await succeed("ADD");
        await succeed("CHECK", { configuration: { prevResult: json } });
        await succeed("DEL");
        emptyTrash();
      }
    },
    ROUNDS_MS,
  );

  test(
    "a late DEL of a StatefulSet pod's former sandbox harms nothing, also while the new one is being made",
    async () => {
      for (let round = 0; round < 20; round++) {
        const newer = namespaces.make(`newer${round}`);
        const second = { container: OTHER_CONTAINER, netns: newer.path };
        await succeed("ADD");
        const late = [run("ADD", second), Bun.sleep(Math.random() * 8).then(() => run("DEL"))];
        for (const outcome of await Promise.all(late)) expect(outcome).toMatchObject({ exitCode: 0 });
        await succeed("DEL");
        expect(host.ip("link", "show", HOST_LINK)).toMatchObject([{ ifalias: OTHER_CONTAINER }]);
        expect([...agent.held.keys()]).toEqual([`${OTHER_CONTAINER}/eth0`]);
        newer.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
        namespaces.remove(newer);
        await succeed("DEL", second);
        // The former sandbox keeps its end until the agent deletes the other one.
        emptyTrash();
        expect(leftovers(pod)).toEqual(NOTHING);
      }
    },
    ROUNDS_MS,
  );

  test(
    "two interfaces that come and go at once leave no link, no route and no rule",
    async () => {
      for (let round = 0; round < 10; round++) {
        const interfaces = ["eth0", "net1", "net2"].map((ifName) => ({ ifName }));
        await Promise.all(interfaces.map((it) => succeed("ADD", it)));
        await Promise.all(interfaces.map((it) => succeed("DEL", it)));
        expect(leftovers(pod)).toEqual(NOTHING);
        emptyTrash();
      }
    },
    ROUNDS_MS,
  );

  test("an agent that has moved to another socket of the same name is found, one that is away is written to", async () => {
    const { json } = await succeed("ADD");
    await agent.stop();
    agent.start();
    await succeed("CHECK", { configuration: { prevResult: json } });
    expect((await succeed("ADD")).json).toEqual(json);
    await agent.stop();
    await succeed("DEL");
    await succeed("DEL");
    expect(readdirSync(join(folder, "releases"))).toEqual([`${CONTAINER}-eth0.json`]);
    agent.start();
    // The next sandbox of the pod, while the release is still queued.
    await succeed("ADD", { container: OTHER_CONTAINER });
    pod.run("ping", "-c", "1", "-W", "2", "10.0.1.11");
  });
});
