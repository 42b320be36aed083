import { afterEach, beforeEach, describe, expect, it, spyOn } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPlugins } from "./install-plugins.ts";

describe("installPlugins()", () => {
  let folder: string;
  let from: string;
  let to: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tke-install-"));
    from = join(folder, "from");
    to = join(folder, "opt", "cni", "bin");
    mkdirSync(from);
    writeFileSync(join(from, "tke-route-eni"), "plugin 1");
    writeFileSync(join(from, "loopback"), "lo");
    mkdirSync(join(from, "doc"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const install = () => installPlugins({ from, to, memory: join(folder, "state", "plugins.json") });
  const inTarget = (name: string) => join(to, name);
  const identity = (name: string) => {
    const { ino, mtimeNs } = statSync(inTarget(name), { bigint: true });
    return `${ino} ${mtimeNs}`;
  };

  it("installs every file as executable, one of them under both its names", async () => {
    expect(await install()).toEqual(["loopback", "tke-route-eni", "tke-eni-ipamc"]);
    expect(readdirSync(to).toSorted()).toEqual(["loopback", "tke-eni-ipamc", "tke-route-eni"]);
    expect(readFileSync(inTarget("tke-eni-ipamc"), "utf8")).toBe("plugin 1");
    expect(statSync(inTarget("tke-eni-ipamc")).ino).toBe(statSync(inTarget("tke-route-eni")).ino);
    for (const name of readdirSync(to)) expect(statSync(inTarget(name)).mode & 0o777).toBe(0o755);
  });

  it("touches nothing that is installed already", async () => {
    await install();
    const before = readdirSync(to).map(identity);
    expect(await install()).toEqual([]);
    expect(readdirSync(to).map(identity)).toEqual(before);
  });

  it("replaces what differs in content, even at the same size, with its other name", async () => {
    await install();
    const loopback = identity("loopback");
    writeFileSync(join(from, "tke-route-eni"), "plugin 2");
    expect(await install()).toEqual(["tke-route-eni", "tke-eni-ipamc"]);
    expect(readFileSync(inTarget("tke-eni-ipamc"), "utf8")).toBe("plugin 2");
    expect(statSync(inTarget("tke-eni-ipamc")).ino).toBe(statSync(inTarget("tke-route-eni")).ino);
    expect(identity("loopback")).toBe(loopback);
  });

  it("reads nothing again that was not touched since", async () => {
    await install();
    let read = 0;
    const file = spyOn(Bun, "file").mockImplementation(((path: string) => {
      read++;
      return new Blob([readFileSync(path)]);
    }) as unknown as typeof Bun.file);
    try {
      expect(await install()).toEqual([]);
      expect(read).toBe(0);
      // Not its content, only the times of one of them: a look decides.
      utimesSync(inTarget("loopback"), 1, 1);
      expect(await install()).toEqual([]);
      expect(read).toBe(2);
      expect(await install()).toEqual([]);
      expect(read).toBe(2);
    } finally {
      file.mockRestore();
    }
  });

  it.each([["[1"], ["null"], [""]])("compares all anew when what it remembers is %j", async (memory) => {
    await install();
    writeFileSync(inTarget("loopback"), "LO");
    writeFileSync(join(folder, "state", "plugins.json"), memory);
    expect(await install()).toEqual(["loopback"]);
  });

  it("sees a content that was changed with size and times of the old one", async () => {
    await install();
    const { atime, mtime } = statSync(inTarget("loopback"));
    writeFileSync(inTarget("loopback"), "LO");
    utimesSync(inTarget("loopback"), atime, mtime);
    expect(await install()).toEqual(["loopback"]);
    expect(readFileSync(inTarget("loopback"), "utf8")).toBe("lo");
  });

  it("heals a plugin that nobody may execute", async () => {
    await install();
    chmodSync(inTarget("loopback"), 0o644);
    expect(await install()).toEqual(["loopback"]);
    expect(statSync(inTarget("loopback")).mode & 0o777).toBe(0o755);
  });

  it("puts a file in the place of a symbolic link, and leaves what that leads to", async () => {
    mkdirSync(to, { recursive: true });
    const elsewhere = join(folder, "elsewhere");
    writeFileSync(elsewhere, "lo");
    symlinkSync(elsewhere, inTarget("loopback"));
    await install();
    expect(lstatSync(inTarget("loopback")).isFile()).toBe(true);
    expect(readFileSync(elsewhere, "utf8")).toBe("lo");
  });

  it("leaves other plugins alone", async () => {
    mkdirSync(to, { recursive: true });
    writeFileSync(inTarget("ptp"), "not ours");
    const before = identity("ptp");
    await install();
    expect(identity("ptp")).toBe(before);
  });
});
