import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCredential } from "./credential-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "tke-eni-credential-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("readCredential() names the missing file, then reads what is there, newest first", async () => {
  await expect(readCredential(folder)).rejects.toThrow(join(folder, "secretId"));
  writeFileSync(join(folder, "secretId"), "id\n");
  await expect(readCredential(folder)).rejects.toThrow(join(folder, "secretKey"));
  writeFileSync(join(folder, "secretKey"), "key\n");
  expect(await readCredential(folder)).toEqual({ secretId: "id", secretKey: "key" });
  writeFileSync(join(folder, "token"), "t");
  writeFileSync(join(folder, "secretKey"), "rotated");
  expect(await readCredential(folder)).toEqual({ secretId: "id", secretKey: "rotated", token: "t" });
});
