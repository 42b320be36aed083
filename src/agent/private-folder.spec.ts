import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepPrivate } from "./private-folder.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tke-private-"));
});

afterEach(() => rmSync(base, { recursive: true }));

it.each([
  ["that is not there", () => {}],
  ["that is there for everybody", (folder: string) => mkdirSync(folder, { recursive: true, mode: 0o755 })],
])("a folder %s is root's alone afterwards", (_, prepare) => {
  const folder = join(base, "run/agent");
  prepare(folder);
  keepPrivate(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});
