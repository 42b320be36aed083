import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownStore } from "./own-store.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-own-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const never = new AbortController().signal;

it("ownStore() lets the second wait until the first has given up", async () => {
  const release = await ownStore(folder, never);
  let second: (() => void) | undefined;
  const waiting = ownStore(folder, never).then((r) => {
    second = r;
  });
  await Bun.sleep(100);
  expect(second).toBeUndefined();
  release?.();
  await waiting;
  expect(second).toBeFunction();
  second?.();
});

it("ownStore() ends the wait when it is aborted", async () => {
  const release = await ownStore(folder, never);
  expect(await ownStore(folder, AbortSignal.timeout(50))).toBeUndefined();
  release?.();
});

it("ownStore() takes over from an owner that was killed", async () => {
  const script = `
    const { ownStore } = await import(${JSON.stringify(join(import.meta.dir, "own-store.ts"))});
    await ownStore(${JSON.stringify(folder)}, new AbortController().signal);
    console.log("owned");
    setInterval(() => {}, 1000);`;
  const owner = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  try {
    await owner.stdout.getReader().read();
    expect(await ownStore(folder, AbortSignal.timeout(100))).toBeUndefined();
  } finally {
    owner.kill("SIGKILL");
  }
  const release = await ownStore(folder, AbortSignal.timeout(5000));
  expect(release).toBeFunction();
  release?.();
});
