// Whatever the plugins are given, it stays data: no path outside of their folders, no command, no code, no link that is not theirs.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { CompiledPlugins, PLUGIN_NAMES } from "./compiled-plugins.ts";
import { FakeAddressService } from "./fake-address-service.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const RUNS = 400;
const TEST_MS = 120_000;

const namespaces = new ThrowAwayNamespaces("tkho");
let plugins: CompiledPlugins;
let base: string;
let agent: FakeAddressService;
let host: ThrowAwayNamespace;
let pod: ThrowAwayNamespace;

/** Where the plugins run: full of what a runtime of scripts would read, and every bit of it leaves a mark. */
const folders = () => ({
  cwd: join(base, "cwd"),
  bin: join(base, "bin"),
  releases: join(base, "releases"),
  marks: join(base, "marks"),
});

beforeAll(async () => {
  plugins = await CompiledPlugins.build();
  base = mkdtempSync(join(tmpdir(), "tke-eni-hostile-"));
  const { cwd, bin, marks } = folders();
  for (const folder of Object.values(folders())) mkdirSync(folder);
  agent = new FakeAddressService(join(base, "cni.sock"));
  agent.start();
  host = namespaces.make("host");
  pod = namespaces.make("pod");
  host.run("ip", "address", "add", "10.0.1.11/32", "dev", "lo");

  const mark = (name: string) => `require("node:fs").writeFileSync(${JSON.stringify(join(marks, name))}, "")`;
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./preload.js"]\n');
  writeFileSync(join(cwd, "preload.js"), mark("preload"));
  writeFileSync(join(cwd, ".env"), "CNI_COMMAND=VERSION\n");
  writeFileSync(join(cwd, "package.json"), '{"imports": {"#x": "./preload.js"}, "main": "preload.js"}');
  writeFileSync(join(cwd, "tsconfig.json"), '{"compilerOptions": {"paths": {"*": ["./preload.js"]}}}');
  // Not in CNI_PATH, but reachable from it by a path.
  for (const folder of [base, cwd]) {
    writeFileSync(join(folder, "evil"), `#!/bin/sh\ntouch ${join(marks, "evil")}\n`);
    chmodSync(join(folder, "evil"), 0o755);
  }
  writeFileSync(join(bin, "not-executable"), "");
});

afterAll(async () => {
  await agent.stop();
  namespaces.removeAll();
  plugins.remove();
  rmSync(base, { recursive: true, force: true });
});

const NASTY = [
  "",
  ".",
  "..",
  "../../../../tmp/x",
  "/etc/passwd",
  "$(touch marks/x)",
  "`touch marks/x`",
  "; touch marks/x",
  "| sh",
  "-rf",
  "--help",
  'a"; flush ruleset; "',
  "a'b",
  "a\nb",
  "a\tb",
  "%2e%2e%2f",
  "{{.}}",
  "__proto__",
  "constructor",
  "eth0*",
  "ü".repeat(20),
  "x".repeat(5_000),
  "../evil",
  "../../evil",
  "evil",
  "not-executable",
];
const nasty = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 1, arbitrary: fc.string() },
);
/** Mostly as it should be, so that what follows is reached. */
const mostly = (good: string) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: nasty });
const anything = fc.oneof(nasty, fc.jsonValue());

/** Of the configuration, those that the plugins read, and some that objects have by themselves. */
const KEYS = [
  ...["mtu", "dns", "prevResult", "runtimeConfig", "ipam", "bridge", "cni.dev/valid-attachments"],
  ...["__proto__", "capabilities", "args", "type"],
];

/** A semicolon would begin another argument. */
function oneValue(text: string): string {
  return text.replaceAll(";", "");
}

const inputs = () =>
  fc.record({
    plugin: fc.constantFrom(...PLUGIN_NAMES),
    command: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION") },
      { weight: 1, arbitrary: nasty },
    ),
    container: mostly("c0ffee"),
    ifName: mostly("eth0"),
    netns: mostly(pod.path),
    args: fc.oneof(
      { weight: 1, arbitrary: nasty },
      {
        weight: 8,
        arbitrary: fc
          .tuple(nasty, nasty)
          .map(
            ([namespace, name]) => `K8S_POD_NAMESPACE=${oneValue(namespace)};K8S_POD_NAME=${oneValue(name)}`,
          ),
      },
    ),
    version: mostly("1.1.0"),
    name: mostly("net"),
    ipamType: mostly("tke-eni-ipamc"),
    /** Keys on top of a good configuration, some of which the plugins read. */
    more: fc.oneof(
      { weight: 1, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...KEYS), anything, { maxKeys: 2 }) },
    ),
    /** No JSON at all. */
    broken: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: nasty }),
  });

type Input = ReturnType<typeof inputs> extends fc.Arbitrary<infer T> ? T : never;

async function run(input: Input): Promise<{ exitCode: number; output: string }> {
  const { cwd, bin, releases } = folders();
  const configuration = {
    cniVersion: input.version,
    name: input.name,
    type: input.plugin,
    ipam: { type: input.ipamType, backend: `unix://${agent.socket}`, releases },
    ...input.more,
  };
  const zeroless = (text: string) => text.replaceAll("\0", "");
  const child = Bun.spawn(["ip", "netns", "exec", host.name, plugins.path(input.plugin)], {
    cwd,
    env: {
      PATH: Bun.env["PATH"],
      CNI_COMMAND: zeroless(input.command),
      CNI_CONTAINERID: zeroless(input.container),
      CNI_IFNAME: zeroless(input.ifName),
      CNI_NETNS: zeroless(input.netns),
      CNI_ARGS: zeroless(input.args),
      CNI_PATH: bin,
    },
    stdin: new TextEncoder().encode(input.broken ?? JSON.stringify(configuration)),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exitCode, output, errors] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  expect(errors).toBe("");
  return { exitCode, output };
}

test(
  "whatever they are given, they answer by the protocol and touch nothing that is not theirs",
  async () => {
    const before = readdirSync(base).toSorted();
    const inCwd = readdirSync(folders().cwd).toSorted();
    await fc.assert(
      fc.asyncProperty(inputs(), async (input) => {
        const { exitCode, output } = await run(input);
        expect([0, 1]).toContain(exitCode);
        if (exitCode === 1) {
          const error = JSON.parse(output);
          expect(error.code).toBeGreaterThan(0);
          // A sentence that one can read, and no defect.
          expect(error.code).not.toBe(199);
          expect(error.msg).toBeString();
        } else if (output !== "") JSON.parse(output);

        expect(readdirSync(folders().marks)).toEqual([]);
        expect(readdirSync(base).toSorted()).toEqual(before);
        expect(readdirSync(folders().cwd).toSorted()).toEqual(inCwd);
        for (const name of readdirSync(folders().releases)) expect(name).toMatch(/^[\w.%-]+\.json$/);
        const links = host.ip("link").map(({ ifname }: { ifname: string }) => ifname);
        for (const link of links) expect(link).toMatch(/^(lo|eni[0-9a-f]{11}|gone\d+)$/);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(host.run("ip", "rule", "show").trim().split("\n")).toHaveLength(3);
    // The input reached what it is to be tried on.
    expect(agent.calls.length).toBeGreaterThan(RUNS / 10);
  },
  TEST_MS,
);
