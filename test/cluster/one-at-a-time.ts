import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "./wait-until.ts";

const folder = "/run/lock";
/** An `up` that has everything built takes seconds; one that builds holds no lock meanwhile. */
const DEADLINE_MS = 120_000;

/**
 * Runs `work` while no other process of this machine does the same: two that start or take down the cluster would take each
 * other's apart.
 */
export async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  // SQLite's own file lock: Bun has no flock(2), and the kernel frees it when its holder dies, however it dies.
  const lock = new Database(join(folder, "tke-eni-cluster.db"), { create: true });
  try {
    await waitUntil("another `up` or `down` of this machine's cluster to end", () => tryLock(lock), {
      deadlineMs: DEADLINE_MS,
      intervalMs: 200,
    });
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(lock: Database): boolean {
  try {
    lock.run("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "SQLITE_BUSY") return false;
    throw error;
  }
}
