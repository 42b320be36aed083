import { constants, Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readMeta } from "./agent-store.ts";
import { STORE_FILE } from "./store-schema.ts";

/**
 * How many slots the kubelet was offered last, read beside an agent that may still own the store. The kubelet must hear it before
 * anything else: a pod that it admits while the resource is missing fails for good.
 *
 * @returns 0 where that is not known
 */
export function announcedSlots(folder: string): number {
  const path = join(folder, STORE_FILE);
  if (!existsSync(path)) return 0;
  let db: Database | undefined;
  try {
    db = openToRead(path);
    return Number(readMeta(db, "announced-slots") ?? 0);
  } catch {
    // A damaged store is looked at by its owner, later.
    return 0;
  } finally {
    db?.close();
  }
}

/**
 * Opens a database without a trace. Where there is no write-ahead log SQLite would make an empty one, and whoever opens the store next
 * could not tell any more that its log was lost; so the file is then read as one that nobody changes.
 */
function openToRead(path: string): Database {
  const { SQLITE_OPEN_READONLY, SQLITE_OPEN_URI } = constants;
  const query = existsSync(`${path}-wal`) ? "" : "?immutable=1";
  const db = new Database(`${pathToFileURL(path)}${query}`, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  // The owner may be at a checkpoint.
  db.run("PRAGMA busy_timeout = 1000");
  return db;
}
