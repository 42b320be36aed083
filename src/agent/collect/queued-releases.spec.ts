import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../kube/testing/eventually.ts";
import type { AttachmentKey } from "../pool/attachment.ts";
import { QueuedReleases } from "./queued-releases.ts";

let folder: string;
let released: AttachmentKey[];
let failure: Error | undefined;
let releases: QueuedReleases;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-releases-"));
  released = [];
  failure = undefined;
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  releases = new QueuedReleases(folder, {
    logger: quiet,
    release(attachment) {
      if (failure !== undefined) throw failure;
      released.push(attachment);
      return [];
    },
  });
});
afterEach(() => {
  releases.stop();
  rmSync(folder, { recursive: true });
});

function queue(containerId: string): void {
  writeFileSync(
    join(folder, `${containerId}-eth0.json`),
    JSON.stringify({ containerId, ifName: "eth0", queuedAt: "2026-01-01T00:00:00Z" }),
  );
}

it("takes in what is there and what comes, once each", async () => {
  queue("c1");
  releases.start();
  expect(released).toEqual([{ containerId: "c1", ifName: "eth0" }]);
  queue("c2");
  await eventually("c2 is taken in", () => released.length === 2);
  expect(released[1]?.containerId).toBe("c2");
  expect(readdirSync(folder)).toEqual([]);
});

it("keeps a release that could not be stored, and tries it again", () => {
  queue("c1");
  failure = new Error("disk full");
  releases.takeAll();
  expect(readdirSync(folder)).toEqual(["c1-eth0.json"]);
  failure = undefined;
  releases.takeAll();
  expect(released).toHaveLength(1);
});

it("leaves files that are being written, and puts aside what it does not understand", () => {
  writeFileSync(join(folder, "c1-eth0.json.17.tmp"), "{");
  writeFileSync(join(folder, "bad.json"), "{");
  writeFileSync(join(folder, "empty.json"), JSON.stringify({ containerId: "", ifName: "eth0" }));
  releases.takeAll();
  expect(readdirSync(folder).toSorted()).toEqual(["bad.json.bad", "c1-eth0.json.17.tmp", "empty.json.bad"]);
  expect(released).toEqual([]);
});

it("goes on with the others when one can be neither read nor put aside", () => {
  mkdirSync(join(folder, "a-folder.json"));
  writeFileSync(join(folder, "bad.json"), "{");
  mkdirSync(join(folder, "bad.json.bad"));
  queue("c1");
  releases.takeAll();
  expect(released).toEqual([{ containerId: "c1", ifName: "eth0" }]);
});
