import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkAgent } from "./check-agent.ts";

const NOW = 1_700_000_000_000;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-check-agent-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Asks where nobody listens. @returns the error's code */
async function code(now = NOW): Promise<number | undefined> {
  const ipam = { backend: { socket: join(folder, "cni.sock") }, releases: folder };
  return checkAgent(ipam, now).then(
    () => undefined,
    (error) => error.code,
  );
}

function servedAt(ms: number): void {
  const path = join(folder, "served");
  writeFileSync(path, "");
  utimesSync(path, ms / 1000, ms / 1000);
}

test("without the file this node has not served since its boot", async () => {
  expect(await code()).toBe(50);
});

test("a file that is a minute old is one of an agent that may come back, an older one is not", async () => {
  servedAt(NOW - 60_000);
  expect(await code()).toBeUndefined();
  servedAt(NOW - 60_001);
  expect(await code()).toBe(50);
});

test("a clock that was set back makes no agent go", async () => {
  servedAt(NOW + 3_600_000);
  expect(await code()).toBeUndefined();
});
