import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { ipFamily } from "../../api/ip-text.ts";
import type { ForeignLink } from "../pool/attachment.ts";
import type { StoreChange } from "../pool/outcome.ts";
import type { EniClaim, PooledAddress } from "../pool/pool-state.ts";

/** An ENI of this node with the numbers that it was given. */
export interface StoredEni {
  eniId: string;
  mac: string;
  primaryIp: string;
  gateway: string;
  subnetId: string;
  /** Routing table of the ENI, and group of its pods' veths. */
  table: number;
  /** 1 to 14: the ENI's place in packet and conntrack marks. */
  number: number;
}

/** What was stored of an address. */
export interface StoredAddress {
  address: string;
  eniId: string;
  subnetId: string;
  object?: { uid: string; instanceId: string; claim?: string | undefined } | undefined;
  holding: StoredHolding;
}

export type StoredHolding =
  | { kind: "free" }
  | {
      kind: "in-use";
      containerId: string;
      ifName: string;
      podNamespace: string;
      podName: string;
      podUid: string;
      network?: string | undefined;
      foreign?: ForeignLink | undefined;
      netns: string;
      since: number;
    }
  | { kind: "cooling-down"; containerId: string; ifName: string; since: number }
  | { kind: "reclaimable"; token: string; since: number };

/** An ENI that was promised back under this UID of its object. */
export interface StoredPromise {
  eniId: string;
  uid: string;
  token: string;
  since: number;
}

/** Small facts that outlive the process. */
export type MetaKey = "instance-id" | "node-address" | "announced-slots" | "masquerade-config";

/** What the agent's core asks of its memory. */
export type AgentMemory = Pick<
  AgentStore,
  "apply" | "addresses" | "enis" | "promisedEnis" | "saveEni" | "forgetEni" | "meta" | "setMeta"
>;

/** Levels of SQLite's `PRAGMA synchronous` for a write-ahead log. */
type Synchronous = "NORMAL" | "FULL";

/**
 * The agent's memory. Every call is one transaction that outlives this process when it returns, however that ends. It outlives
 * the machine, too, but for what a boot ends anyway: who holds which address, and since when others rest.
 */
export class AgentStore {
  readonly #db: Database;
  readonly #path: string;
  readonly #inode: bigint;
  /** Undefined: not set yet. */
  #synchronous: Synchronous | undefined;

  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
    this.#inode = inodeOf(path);
  }

  /**
   * Writes what a step of the pool decided. What pods take and give back does not wait for the disk: after a crash of the machine
   * their sandboxes are dead, and the next agent finds out by the API server, the kernel and the runtime who holds what.
   *
   * @throws when the disk does not take it; then nothing of it is stored
   */
  apply(changes: readonly StoreChange[]): void {
    if (changes.length === 0) return;
    this.#synchronize(changes.every(endsWithBoot) ? "NORMAL" : "FULL");
    this.#db.transaction(() => {
      for (const change of changes) this.#applyOne(change);
    })();
  }

  addresses(): StoredAddress[] {
    return this.#db
      .query<AddressRow, []>(
        `SELECT a.*, u.container_id AS use_container, u.if_name AS use_if, u.pod_namespace, u.pod_name, u.pod_uid, u.netns,
                u.since AS use_since, u.network, u.link_kind, u.device, c.container_id AS cool_container, c.if_name AS cool_if, c.since AS cool_since,
                r.token, r.since AS promised_since
         FROM addresses a LEFT JOIN allocations u USING (address) LEFT JOIN cooling c USING (address)
              LEFT JOIN reclaimable r USING (address)`,
      )
      .all()
      .map(addressOf);
  }

  enis(): StoredEni[] {
    return this.#db
      .query<StoredEni, []>(
        `SELECT eni_id AS eniId, mac, primary_ip AS primaryIp, gateway, subnet_id AS subnetId, table_number AS "table",
                mark_number AS number FROM enis ORDER BY mark_number`,
      )
      .all();
  }

  /** ENIs that are promised back. */
  promisedEnis(): StoredPromise[] {
    return this.#db
      .query<StoredPromise, []>("SELECT eni_id AS eniId, uid, token, since FROM reclaimable_enis")
      .all();
  }

  saveEni(eni: StoredEni): void {
    this.#synchronize("FULL");
    this.#db
      .query("INSERT OR REPLACE INTO enis VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(eni.eniId, eni.mac, eni.primaryIp, eni.gateway, eni.subnetId, eni.table, eni.number);
  }

  forgetEni(eniId: string): void {
    this.#synchronize("FULL");
    this.#db.query("DELETE FROM enis WHERE eni_id = ?").run(eniId);
  }

  meta(key: MetaKey): string | undefined {
    return readMeta(this.#db, key);
  }

  setMeta(key: MetaKey, value: string): void {
    if (this.meta(key) === value) return;
    this.#synchronize("FULL");
    writeMeta(this.#db, key, value);
  }

  /**
   * Whether the path still leads to the file that is open here: a file that was unlinked or replaced takes every write, and
   * loses it.
   */
  isInPlace(): boolean {
    try {
      return inodeOf(this.#path) === this.#inode;
    } catch {
      return false;
    }
  }

  /** Closes the store so that the next start can tell a complete file from one whose write-ahead log was lost. */
  close(): void {
    this.#synchronize("FULL");
    writeMeta(this.#db, "closed", "yes");
    this.#db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#db.close();
  }

  /** With FULL a transaction, and whatever was written before it, is on the disk when it ends. */
  #synchronize(level: Synchronous): void {
    if (this.#synchronous === level) return;
    this.#db.run(`PRAGMA synchronous = ${level}`);
    this.#synchronous = level;
  }

  #applyOne(change: StoreChange): void {
    switch (change.type) {
      case "object":
        this.#saveObject(change.address);
        break;
      case "holding":
        this.#forgetHolding(change.address.address);
        this.#saveHolding(change.address);
        break;
      case "claim":
        this.#saveClaim(change.eniId, change.claim);
        break;
      case "forget":
        this.#forgetHolding(change.address);
        this.#db.query("DELETE FROM addresses WHERE address = ?").run(change.address);
    }
  }

  #saveObject({ address, eniId, subnetId, object }: PooledAddress): void {
    this.#db
      .query("INSERT OR REPLACE INTO addresses VALUES (?, ?, ?, ?, ?, ?)")
      .run(address, eniId, subnetId, object?.uid ?? null, object?.instanceId ?? null, object?.claim ?? null);
  }

  #saveClaim(eniId: string, { uid, promise }: Pick<EniClaim, "uid" | "promise">): void {
    if (promise === undefined) {
      this.#db.query("DELETE FROM reclaimable_enis WHERE eni_id = ?").run(eniId);
      return;
    }
    this.#db
      .query("INSERT OR REPLACE INTO reclaimable_enis VALUES (?, ?, ?, ?)")
      .run(eniId, uid, promise.token, promise.since);
  }

  #forgetHolding(address: string): void {
    for (const table of ["allocations", "cooling", "reclaimable"]) {
      this.#db.query(`DELETE FROM ${table} WHERE address = ?`).run(address);
    }
  }

  #saveHolding({ address, holding }: PooledAddress): void {
    switch (holding.kind) {
      case "in-use": {
        const { containerId, ifName, podNamespace, podName, podUid, network, foreign } = holding.attachment;
        this.#db
          .query("INSERT INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .run(
            ...[address, ipFamily(address), containerId, ifName, podNamespace, podName, podUid],
            ...[holding.netns, holding.since],
            ...[network ?? "", foreign === undefined ? "routed" : "foreign", foreign?.device ?? ""],
          );
        break;
      }
      case "cooling-down":
        this.#db
          .query("INSERT INTO cooling VALUES (?, ?, ?, ?)")
          .run(address, holding.containerId, holding.ifName, holding.since);
        break;
      case "reclaimable":
        this.#db.query("INSERT INTO reclaimable VALUES (?, ?, ?)").run(address, holding.token, holding.since);
        break;
      case "free":
    }
  }
}

/** Whether nobody asks for it after a boot. A promise to ipamd is asked for. */
function endsWithBoot(change: StoreChange): boolean {
  return change.type === "holding" && change.address.holding.kind !== "reclaimable";
}

/** Reads a row of `meta`. */
export function readMeta(db: Database, key: string): string | undefined {
  return db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value;
}

/** Writes a row of `meta`. */
export function writeMeta(db: Database, key: string, value: string): void {
  db.query("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(key, value);
}

/** The inode behind a path. @throws when there is no such file */
export function inodeOf(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}

interface AddressRow {
  address: string;
  eni_id: string;
  subnet_id: string;
  uid: string | null;
  instance_id: string | null;
  claim: string | null;
  use_container: string | null;
  use_if: string;
  pod_namespace: string;
  pod_name: string;
  pod_uid: string;
  netns: string;
  use_since: number;
  network: string;
  link_kind: "routed" | "foreign";
  device: string;
  cool_container: string | null;
  cool_if: string;
  cool_since: number;
  token: string | null;
  promised_since: number;
}

function addressOf(row: AddressRow): StoredAddress {
  return {
    address: row.address,
    eniId: row.eni_id,
    subnetId: row.subnet_id,
    object:
      row.uid !== null && row.instance_id !== null
        ? { uid: row.uid, instanceId: row.instance_id, ...(row.claim !== null && { claim: row.claim }) }
        : undefined,
    holding: holdingOf(row),
  };
}

function holdingOf(row: AddressRow): StoredHolding {
  if (row.use_container !== null) {
    return {
      kind: "in-use",
      containerId: row.use_container,
      ifName: row.use_if,
      podNamespace: row.pod_namespace,
      podName: row.pod_name,
      podUid: row.pod_uid,
      ...(row.network !== "" && { network: row.network }),
      ...(row.link_kind === "foreign" && { foreign: { device: row.device } }),
      netns: row.netns,
      since: row.use_since,
    };
  }
  if (row.token !== null) return { kind: "reclaimable", token: row.token, since: row.promised_since };
  if (row.cool_container !== null) {
    return {
      kind: "cooling-down",
      containerId: row.cool_container,
      ifName: row.cool_if,
      since: row.cool_since,
    };
  }
  return { kind: "free" };
}
