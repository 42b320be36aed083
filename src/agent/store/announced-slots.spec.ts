import { afterEach, beforeEach, expect, it } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { announcedSlots } from "./announced-slots.ts";
import { openStore } from "./open-store.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-slots-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

it("announcedSlots() reads beside the owner of the store", () => {
  const { store } = openStore({ folder, bootId: "b" });
  expect(announcedSlots(folder)).toBe(0);
  store.setMeta("announced-slots", "7");
  expect(announcedSlots(folder)).toBe(7);
  store.close();
  expect(announcedSlots(folder)).toBe(7);
});

it("announcedSlots() is 0 without a store, and with a damaged one", () => {
  expect(announcedSlots(folder)).toBe(0);
  writeFileSync(join(folder, "store.db"), "x".repeat(9000));
  expect(announcedSlots(folder)).toBe(0);
});

it("announcedSlots() leaves no trace: a store whose write-ahead log was lost is still recognised", () => {
  // Another process, because SQLite shares what processes that still run have open.
  const script = `
    const { openStore } = await import(${JSON.stringify(join(import.meta.dir, "open-store.ts"))});
    const open = () => openStore({ folder: ${JSON.stringify(folder)}, bootId: "b" });
    const { store, vouch } = open();
    vouch();
    store.setMeta("announced-slots", "7");
    store.close();
    open().store.setMeta("announced-slots", "8");
    process.kill(process.pid, "SIGKILL");`;
  Bun.spawnSync([process.execPath, "-e", script]);
  for (const suffix of ["-wal", "-shm"]) rmSync(join(folder, `store.db${suffix}`));
  expect(announcedSlots(folder)).toBe(7);
  expect(openStore({ folder, bootId: "b" }).reason).toContain("write-ahead log is gone");
});
