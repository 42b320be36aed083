import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { touchServedFile } from "./served-file.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-served-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function unexpected(error: unknown): never {
  throw error;
}

it("makes the file at once, in a folder that may have to be made, and leaves it", () => {
  const run = join(folder, "run");
  touchServedFile(run, unexpected)();
  expect(Math.abs(Date.now() - statSync(join(run, "served")).mtimeMs)).toBeLessThan(5_000);
});

it("touches a file that an earlier agent left", () => {
  const path = join(folder, "served");
  writeFileSync(path, "");
  utimesSync(path, 1_000, 1_000);
  touchServedFile(folder, unexpected)();
  expect(Math.abs(Date.now() - statSync(path).mtimeMs)).toBeLessThan(5_000);
});

it("tells when it cannot", () => {
  const failures: unknown[] = [];
  writeFileSync(join(folder, "file"), "");
  touchServedFile(join(folder, "file", "run"), (error) => failures.push(error))();
  expect(failures).toHaveLength(1);
});
