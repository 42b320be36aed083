import { describe, expect, test } from "bun:test";
import { CniError } from "../cni/error.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { NetlinkError } from "../netlink/netlink-error.ts";
import type { Plugin } from "./plugin.ts";
import { runPlugin } from "./run-plugin.ts";

const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const RESULT = { ips: [{ address: "10.0.16.5/32" }], routes: [] };

/** A plugin that fails with `failure`, or else works. */
function plugin(failure?: unknown): Plugin {
  const fail = () => {
    if (failure !== undefined) throw failure;
  };
  return {
    add: async () => {
      fail();
      return RESULT;
    },
    del: async () => fail(),
    check: async () => fail(),
    gc: async () => fail(),
    status: async () => fail(),
  };
}

async function run(
  command: string,
  { version = "1.1.0", failure, input }: { version?: string; failure?: unknown; input?: string } = {},
) {
  const answer = await runPlugin(plugin(failure), {
    variables: { CNI_COMMAND: command, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/a", CNI_IFNAME: "eth0" },
    readInput: () => input ?? JSON.stringify({ cniVersion: version, name: "a", type: "b" }),
  });
  return { ...answer, json: answer.output === "" ? undefined : JSON.parse(answer.output) };
}

describe.each(VERSIONS)("under %s", (version) => {
  test("ADD answers in the caller's version", async () => {
    expect(await run("ADD", { version })).toMatchObject({
      exitCode: 0,
      json: { cniVersion: version, ips: [{ address: "10.0.16.5/32" }] },
    });
  });

  test("DEL answers nothing", async () => {
    expect(await run("DEL", { version })).toMatchObject({ exitCode: 0, output: "" });
  });

  test("an error is told in the caller's version", async () => {
    const failure = new CniError(11, "all addresses are in use", { details: "why" });
    expect(await run("ADD", { version, failure })).toMatchObject({
      exitCode: 1,
      json: { cniVersion: version, code: 11, msg: "all addresses are in use", details: "why" },
    });
  });
});

/** Since which version there is such a command. */
const SINCE = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" } as const;

describe.each(Object.entries(SINCE))("%s, known since %s,", (command, since) => {
  test.each(VERSIONS.slice(VERSIONS.indexOf(since)))(
    "answers nothing under %s, or the error",
    async (version) => {
      expect(await run(command, { version })).toMatchObject({ exitCode: 0, output: "" });
      const failure = new CniError(102, "differs");
      expect(await run(command, { version, failure })).toMatchObject({
        exitCode: 1,
        json: { cniVersion: version, code: 102 },
      });
    },
  );

  test.each(VERSIONS.slice(0, VERSIONS.indexOf(since)))(
    "is refused under %s with code 1",
    async (version) => {
      expect(await run(command, { version })).toMatchObject({
        exitCode: 1,
        json: { cniVersion: version, code: 1 },
      });
    },
  );
});

test("STATUS answers nothing when an ADD could work, and the error otherwise", async () => {
  expect(await run("STATUS")).toMatchObject({ exitCode: 0, output: "" });
  expect(await run("STATUS", { failure: new CniError(7, "mtu") })).toMatchObject({
    exitCode: 1,
    json: { code: 7 },
  });
});

test("VERSION works with any input that is JSON, and with none", async () => {
  const supportedVersions = VERSIONS;
  expect(await run("VERSION", { input: "" })).toMatchObject({ exitCode: 0, json: { supportedVersions } });
  expect(await run("VERSION", { version: "0.2.0" })).toMatchObject({
    json: { cniVersion: "0.2.0", supportedVersions },
  });
  expect(await run("VERSION", { input: "{}" })).toMatchObject({ exitCode: 0, json: { supportedVersions } });
  expect(await run("VERSION", { input: '{"cniVersion": null}' })).toMatchObject({ exitCode: 0 });
});

test.each([
  ["VERSION", "{", 6],
  ["VERSION", "[1]", 7],
  ["VERSION", '{"cniVersion": 1}', 7],
  ["ADD", "", 6],
  ["ADD", '{"cniVersion": "0.2.0", "name": "a", "type": "b"}', 1],
  ["ADD", '{"name": "a", "type": "b"}', 1],
  ["ADD", '{"cniVersion": "1.1.0", "name": "", "type": "b"}', 7],
  ["PLAY", "{}", 4],
])(
  "%s with %p on its standard input is code %i, in the latest version's words",
  async (command, input, code) => {
    expect(await run(command, { input })).toMatchObject({ exitCode: 1, json: { cniVersion: "1.1.0", code } });
  },
);

test.each([
  [
    "what the kernel refuses",
    new NetlinkError({ code: 19, act: "set link 7", position: 0, kernelText: "" }),
    101,
  ],
  ["a system call that fails", new SystemCallError("open a netlink socket", 24), 101],
  ["a defect", new TypeError("x is undefined"), 199],
  ["what is no error at all", "thrown text", 199],
])("%s becomes a CNI error", async (_, failure, code) => {
  const { json } = await run("ADD", { failure });
  expect(json.code).toBe(code);
  expect(json.msg).toContain(failure instanceof Error ? failure.message : failure);
});

test("input that cannot be read is an error like any other", async () => {
  const answer = await runPlugin(plugin(), {
    variables: { CNI_COMMAND: "VERSION" },
    readInput: () => {
      throw new Error("EBADF");
    },
  });
  expect(answer.exitCode).toBe(1);
});
