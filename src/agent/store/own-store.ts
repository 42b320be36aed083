import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 25;
/** Keeps the locks from the garbage collector, which would end them with a caller that drops what it was given. */
const owned = new Set<Database>();

/**
 * Waits until this process alone may use the store. During an update the new agent starts while the old one still serves; two
 * that hand out addresses from memory would hand out the same ones. The kernel ends the ownership of a process that dies.
 *
 * @returns a function that gives the ownership up, or undefined when `signal` was aborted first
 */
export async function ownStore(folder: string, signal: AbortSignal): Promise<(() => void) | undefined> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // SQLite's own file lock: Bun has no flock(2), and a lock file that holds a pid outlives its process.
  const db = new Database(join(folder, "owner.lock"), { create: true });
  while (!signal.aborted) {
    if (tryLock(db)) {
      owned.add(db);
      return () => {
        owned.delete(db);
        db.close();
      };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
  db.close();
  return undefined;
}

function tryLock(db: Database): boolean {
  try {
    db.run("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return false;
    throw error;
  }
}
