import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type AgentMemory, AgentStore, inodeOf, readMeta, writeMeta } from "./agent-store.ts";
import { MIGRATIONS, SCHEMA_VERSION, STORE_FILE, TABLES } from "./store-schema.ts";

/**
 * How far the store can be trusted.
 *
 * - `intact`: it knows every holder; serve from it at once.
 * - `rebooted`: it is whole, but the machine has booted since, so that every sandbox in it is dead.
 * - `unknown`: it is new, or was lost or damaged. Who holds what must be found out first.
 */
export type StoreTrust = "intact" | "rebooted" | "unknown";

export interface OpenedMemory {
  store: AgentMemory;
  trust: StoreTrust;
  /** One sentence on why, for the log. */
  reason: string;
  /** Call once it is known who holds what and that is stored: the next start then finds the store intact. */
  vouch(): void;
}

/** A store that was opened, and is to be closed. */
export interface OpenedStore extends OpenedMemory {
  store: AgentStore;
}

/** The store was written by a newer agent. */
export class StoreTooNewError extends Error {
  override readonly name = "StoreTooNewError";
}

/** A store of an older agent could not be brought to this one's schema. */
export class StoreNotMovedError extends Error {
  override readonly name = "StoreNotMovedError";
}

/**
 * Opens the agent's store, or starts a new one. A damaged file is put aside, never deleted.
 *
 * @param folder the agent's state folder; made if need be
 * @throws StoreTooNewError; StoreNotMovedError; SQLiteError when the disk cannot be written
 */
export function openStore({ folder, bootId }: { folder: string; bootId: string }): OpenedStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, STORE_FILE);
  const found = existsSync(path) && statSync(path).size > 0 ? openExisting(path) : "there is none yet";
  if (typeof found !== "string") return trusted(found, { path, bootId });

  putAside(path);
  const db = connect(path, { create: true });
  db.transaction(() => {
    db.run(TABLES);
    writeMeta(db, "schema-version", String(SCHEMA_VERSION));
  })();
  return opened(db, { path, bootId, trust: "unknown", reason: `starting a new store: ${found}` });
}

/** The database, or why it cannot be used. */
function openExisting(path: string): Database | string {
  let db: Database | undefined;
  try {
    const logLost = !existsSync(`${path}-wal`);
    db = connect(path, { create: false });
    const version = Number(readMeta(db, "schema-version"));
    if (version > SCHEMA_VERSION) {
      throw new StoreTooNewError(
        `${path} has schema ${version}, written by a newer agent; this one knows up to ${SCHEMA_VERSION}: run the newer version again`,
      );
    }
    const damage = damageOf(db, { path, logLost });
    if (damage !== undefined) {
      db.close();
      return damage;
    }
    migrate(db, { path, from: version });
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StoreTooNewError || error instanceof StoreNotMovedError) throw error;
    return `${path} cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}

/**
 * Brings an older store to this schema, one schema after the other. What fails leaves the store as it was: it is whole, and who holds
 * what stands in it.
 */
function migrate(db: Database, { path, from }: { path: string; from: number }): void {
  for (let version = from + 1; version <= SCHEMA_VERSION; version++) {
    try {
      db.transaction(() => {
        db.run(MIGRATIONS[version] ?? "");
        writeMeta(db, "schema-version", String(version));
      })();
    } catch (error) {
      throw new StoreNotMovedError(
        `${path} has schema ${from} and could not be brought to ${version}: ${(error as Error).message}`,
      );
    }
  }
}

function damageOf(db: Database, { path, logLost }: { path: string; logLost: boolean }): string | undefined {
  const check = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (check !== "ok") return `${path} is damaged: ${check}`;
  // A copy may lack what only the original's write-ahead log held.
  const inode = readMeta(db, "inode");
  if (inode !== undefined && inode !== String(inodeOf(path))) {
    return `${path} is a copy of another file: its last rows may be missing`;
  }
  if (logLost && readMeta(db, "closed") !== "yes") {
    return `${path} was not closed and its write-ahead log is gone: its last rows may be missing`;
  }
  return undefined;
}

function trusted(db: Database, { path, bootId }: { path: string; bootId: string }): OpenedStore {
  const lastBoot = readMeta(db, "boot-id");
  if (lastBoot === undefined) {
    return opened(db, {
      path,
      bootId,
      trust: "unknown",
      reason: "the start that made the store never came to know who holds what",
    });
  }
  return lastBoot === bootId
    ? opened(db, { path, bootId, trust: "intact", reason: "the store is intact" })
    : opened(db, {
        path,
        bootId,
        trust: "rebooted",
        reason: "the machine has booted since the store was written",
      });
}

function opened(
  db: Database,
  { path, bootId, trust, reason }: { path: string; bootId: string; trust: StoreTrust; reason: string },
): OpenedStore {
  writeMeta(db, "closed", "no");
  // Into the main file, so that a lost write-ahead log does not look like a clean end.
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  return {
    store: new AgentStore(db, path),
    trust,
    reason,
    vouch() {
      writeMeta(db, "inode", String(inodeOf(path)));
      writeMeta(db, "boot-id", bootId);
    },
  };
}

function connect(path: string, { create }: { create: boolean }): Database {
  const db = new Database(path, { create, readwrite: true, strict: true });
  try {
    // During an update the old and the new agent have the file open at once for a moment.
    db.run("PRAGMA busy_timeout = 5000");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

function putAside(path: string): void {
  if (existsSync(path) && statSync(path).size > 0) renameSync(path, `${path}.damaged`);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}
