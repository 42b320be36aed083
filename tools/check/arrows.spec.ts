import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { arrowFaults } from "./arrows.ts";

const root = mkdtempSync(join(tmpdir(), "tke-eni-arrows-"));
afterAll(() => rmSync(root, { recursive: true }));

function write(path: string, text: string) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("arrowFaults() names each import that turns an arrow round, type-only ones as well", async () => {
  write("src/api/a.ts", "export const a = 1;");
  write("src/ipamd/good.ts", 'import { a } from "../api/a.ts"; export const b = a;');
  write("src/api/bad.ts", 'import type { B } from "../ipamd/good.ts"; export type C = B;');
  write("src/agent/bad.ts", 'import { b } from "../ipamd/good.ts"; export const d = b;');
  write("src/ipamd/tencent.ts", 'import { x } from "../cloud/tencent/x.ts"; export const y = x;');
  write("src/kube/outside.ts", 'import { z } from "../../test/z.ts"; export const w = z;');
  expect((await arrowFaults(root)).sort()).toEqual([
    "src/agent/bad.ts imports src/ipamd/good.ts: `agent` may not import `ipamd`.",
    "src/api/bad.ts imports src/ipamd/good.ts: `api` may not import `ipamd`.",
    "src/ipamd/tencent.ts imports src/cloud/tencent/x.ts: src/cloud hides Tencent from ipamd.",
    "src/kube/outside.ts imports test/z.ts: nothing in src may import from outside src.",
  ]);
});
