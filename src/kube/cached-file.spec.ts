import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../time/testing/manual-clock.ts";
import { CachedFile } from "./cached-file.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tke-eni-cached-file-"));
  path = join(folder, "token");
});
afterEach(() => rm(folder, { recursive: true }));

test("CachedFile reads again once its copy is too old, or forgotten", async () => {
  const clock = createManualClock();
  const file = new CachedFile(path, { clock, maxAgeMs: 1000 });
  await writeFile(path, "one");
  expect(await file.text()).toBe("one");
  await writeFile(path, "two");
  await clock.advance(999);
  expect(await file.text()).toBe("one");
  await clock.advance(1);
  expect(await file.text()).toBe("two");
  await writeFile(path, "three");
  file.forget();
  expect(await file.text()).toBe("three");
});

test("CachedFile refuses an empty or absent file, and recovers", async () => {
  const file = new CachedFile(path, { clock: createManualClock(), maxAgeMs: 1000 });
  await expect(file.text()).rejects.toThrow("ENOENT");
  await writeFile(path, " \n");
  await expect(file.text()).rejects.toThrow(`${path} is empty`);
  await writeFile(path, "one");
  expect(await file.text()).toBe("one");
});
