import { describe, expect, test } from "bun:test";
import { CniError } from "../cni/error.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { NetlinkError } from "../netlink/netlink-error.ts";
import type { Plugin } from "./plugin.ts";
import { runPlugin } from "./run-plugin.ts";

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
    status: fail,
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

describe.each(["1.0.0", "1.1.0"])("under %s", (version) => {
  test("ADD answers in the caller's version", async () => {
    expect(await run("ADD", { version })).toMatchObject({
      exitCode: 0,
      json: { cniVersion: version, ips: RESULT.ips },
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

test.each([
  ["CHECK", "1.1.0", 4],
  ["CHECK", "1.0.0", 4],
  ["GC", "1.1.0", 4],
  ["GC", "1.0.0", 1],
  ["STATUS", "1.0.0", 1],
])("%s under %s is refused with code %i", async (command, version, code) => {
  expect(await run(command, { version })).toMatchObject({ exitCode: 1, json: { code } });
});

test("STATUS answers nothing when an ADD could work, and the error otherwise", async () => {
  expect(await run("STATUS")).toMatchObject({ exitCode: 0, output: "" });
  expect(await run("STATUS", { failure: new CniError(7, "mtu") })).toMatchObject({
    exitCode: 1,
    json: { code: 7 },
  });
});

test("VERSION works with any input that is JSON, and with none", async () => {
  const supportedVersions = ["1.0.0", "1.1.0"];
  expect(await run("VERSION", { input: "" })).toMatchObject({ exitCode: 0, json: { supportedVersions } });
  expect(await run("VERSION", { version: "0.4.0" })).toMatchObject({
    json: { cniVersion: "0.4.0", supportedVersions },
  });
});

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
