import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileName, queueRelease } from "./release-queue.ts";

let parent: string;
let folder: string;
const now = new Date("2026-01-02T03:04:05.678Z");

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "tke-eni-releases-"));
  folder = join(parent, "agent", "releases");
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

test("queueRelease() leaves one whole file per attachment, for root alone", () => {
  queueRelease({ containerId: "c1", ifName: "eth0" }, { folder, now: new Date(0) });
  queueRelease({ containerId: "c1", ifName: "eth0" }, { folder, now });
  queueRelease({ containerId: "c1", ifName: "eth1" }, { folder, now });
  expect(readdirSync(folder).sort()).toEqual(["c1-eth0.json", "c1-eth1.json"]);
  expect(JSON.parse(readFileSync(join(folder, "c1-eth0.json"), "utf8"))).toEqual({
    containerId: "c1",
    ifName: "eth0",
    queuedAt: "2026-01-02T03:04:05.678Z",
  });
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, "c1-eth0.json")).mode & 0o777).toBe(0o600);
});

test("queueRelease() fails with code 5 when it cannot write", () => {
  writeFileSync(join(parent, "agent"), "");
  expect(() => queueRelease({ containerId: "c1", ifName: "eth0" }, { folder, now })).toThrow(
    expect.objectContaining({ code: 5 }),
  );
});

test.each([
  ["eth0", "c1-eth0.json"],
  ["net.1", "c1-net.1.json"],
  ["a\\b", "c1-a%5cb.json"],
  ["é", "c1-%e9.json"],
  ["%", "c1-%25.json"],
])("the file of the interface %p is %s", (ifName, name) => {
  expect(fileName("c1", ifName)).toBe(name);
});
