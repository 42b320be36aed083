import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PooledAddress } from "../pool/pool-state.ts";
import { openStore, StoreTooNewError } from "./open-store.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-store-"));
  path = join(folder, "store.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const HELD_BY = {
  containerId: "c1",
  ifName: "eth0",
  podNamespace: "default",
  podName: "web-0",
  podUid: "p1",
};

/** Tables as agents before networks and kinds of links wrote them. */
const SCHEMA_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE addresses (
  address TEXT PRIMARY KEY, eni_id TEXT NOT NULL, subnet_id TEXT NOT NULL, uid TEXT, instance_id TEXT
) WITHOUT ROWID;
CREATE TABLE allocations (
  address TEXT PRIMARY KEY, container_id TEXT NOT NULL, if_name TEXT NOT NULL,
  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL, pod_uid TEXT NOT NULL, netns TEXT NOT NULL, since INTEGER NOT NULL,
  UNIQUE (container_id, if_name)
) WITHOUT ROWID;
CREATE TABLE cooling (
  address TEXT PRIMARY KEY, container_id TEXT NOT NULL, if_name TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE reclaimable (address TEXT PRIMARY KEY, token TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE reclaimable_enis (
  eni_id TEXT PRIMARY KEY, uid TEXT NOT NULL, token TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE enis (
  eni_id TEXT PRIMARY KEY, mac TEXT NOT NULL, primary_ip TEXT NOT NULL, gateway TEXT NOT NULL, subnet_id TEXT NOT NULL,
  table_number INTEGER NOT NULL UNIQUE, mark_number INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
`;

const held: PooledAddress = {
  address: "10.0.16.5",
  eniId: "eni-1",
  subnetId: "subnet-1",
  object: { uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" },
  holding: {
    kind: "in-use",
    attachment: HELD_BY,
    netns: "/run/netns/x",
    since: 1000,
  },
};

function open(bootId = "boot-1") {
  return openStore({ folder, bootId });
}

/** A store of this boot with one allocation, as a running agent leaves it. */
function used() {
  const opened = open();
  opened.store.apply([
    { type: "object", address: held },
    { type: "holding", address: held },
  ]);
  opened.vouch();
  return opened;
}

describe("openStore()", () => {
  it("does not trust a store that it had to make", () => {
    expect(open().trust).toBe("unknown");
  });

  it("does not trust a store whose first start never vouched for it", () => {
    open().store.close();
    expect(open().trust).toBe("unknown");
  });

  it("trusts what was closed, with every row", () => {
    used().store.close();
    const { trust, store } = open();
    expect(trust).toBe("intact");
    expect(store.addresses()).toMatchObject([
      {
        address: "10.0.16.5",
        eniId: "eni-1",
        object: { uid: "u" },
        holding: { kind: "in-use", containerId: "c1" },
      },
    ]);
  });

  it("trusts what a killed agent left, with every row", () => {
    used();
    const { trust, store } = open();
    expect(trust).toBe("intact");
    expect(store.addresses()).toHaveLength(1);
  });

  it("tells another boot", () => {
    used().store.close();
    expect(open("boot-2").trust).toBe("rebooted");
  });

  it("takes over a store of schema 1 as it is, also when the move was cut short once", () => {
    const db = new Database(path, { create: true });
    db.run("PRAGMA journal_mode = WAL");
    db.run(SCHEMA_1);
    db.run(`INSERT INTO meta VALUES ('schema-version', '1'), ('boot-id', 'boot-1'), ('closed', 'yes')`);
    db.run(`INSERT INTO addresses VALUES ('10.0.16.5', 'eni-1', 'subnet-1', 'u', 'ins-1')`);
    db.run(
      `INSERT INTO allocations VALUES ('10.0.16.5', 'c1', 'eth0', 'default', 'web-0', 'p1', '/run/netns/x', 1000)`,
    );
    db.run(`INSERT INTO cooling VALUES ('10.0.16.6', 'c2', 'eth0', 1000)`);
    // What is in the way of the first try.
    db.run("CREATE TABLE allocations_2 (address TEXT)");
    db.close();
    const before = readFileSync(path);
    expect(() => open()).toThrow("allocations_2");
    expect(readFileSync(path).subarray(100)).toEqual(before.subarray(100));

    const repaired = new Database(path);
    repaired.run("DROP TABLE allocations_2");
    repaired.close();
    const { trust, store } = open();
    expect(trust).toBe("intact");
    expect(store.addresses()).toMatchObject([
      {
        address: "10.0.16.5",
        holding: {
          kind: "in-use",
          containerId: "c1",
          ifName: "eth0",
          podName: "web-0",
          netns: "/run/netns/x",
          since: 1000,
        },
      },
    ]);
    expect(store.addresses()[0]?.holding).not.toHaveProperty("network");
    expect(store.addresses()[0]?.holding).not.toHaveProperty("foreign");
    store.close();
    expect(open().trust).toBe("intact");
  });

  it("remembers the network, and whose link a pod has", () => {
    const { store } = used();
    const attachment = { ...HELD_BY, containerId: "c2", network: "a", foreign: { device: "cni0" } };
    const foreign: PooledAddress = {
      ...held,
      address: "10.0.16.6",
      holding: { kind: "in-use", attachment, netns: "", since: 1 },
    };
    store.apply([
      { type: "object", address: foreign },
      { type: "holding", address: foreign },
    ]);
    expect(store.addresses()[1]?.holding).toMatchObject({ network: "a", foreign: { device: "cni0" } });
  });

  it("remembers whom an address is for", () => {
    const { store } = used();
    const claimed = {
      ...held,
      address: "10.0.16.6",
      object: { uid: "u", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1", claim: "shop/web-0" },
    };
    store.apply([{ type: "object", address: claimed }]);
    expect(store.addresses().map(({ object }) => object?.claim)).toEqual([undefined, "shop/web-0"]);
  });

  it("takes one address of each family for an attachment, and not two of one", () => {
    const { store } = used();
    const of = (address: string): PooledAddress => ({ ...held, address });
    store.apply([{ type: "holding", address: of("fd00::5") }]);
    expect(() => store.apply([{ type: "holding", address: of("10.0.16.6") }])).toThrow("UNIQUE");
  });

  it("refuses a store of a newer agent and leaves it as it is", () => {
    used().store.close();
    const db = new Database(path);
    db.run("UPDATE meta SET value = '7' WHERE key = 'schema-version'");
    db.close();
    const before = readFileSync(path);
    expect(() => open()).toThrow(StoreTooNewError);
    expect(() => open()).toThrow(/schema 7, written by a newer agent; this one knows up to 3/);
    expect(readFileSync(path)).toEqual(before);
  });

  const damages: [string, () => void, RegExp][] = [
    ["an emptied file", () => truncateSync(path, 0), /none yet/],
    ["a file that is cut off", () => truncateSync(path, 5000), /damaged|cannot be read/],
    ["a file of something else", () => writeFileSync(path, "x".repeat(9000)), /cannot be read/],
    [
      "a copy of the file",
      () => {
        renameSync(path, `${path}.original`);
        copyFileSync(`${path}.original`, path);
      },
      /copy of another file/,
    ],
  ];
  for (const [what, damage, reason] of damages) {
    it(`does not trust ${what}`, () => {
      used().store.close();
      damage();
      const opened = open();
      expect(opened.trust).toBe("unknown");
      expect(opened.reason).toMatch(reason);
      expect(opened.store.addresses()).toEqual([]);
    });
  }

  it("does not trust a store whose write-ahead log is gone", () => {
    // Another process, because SQLite takes the log away when a process that still runs opens the file again.
    const script = `
      const { openStore } = await import(${JSON.stringify(join(import.meta.dir, "open-store.ts"))});
      openStore({ folder: ${JSON.stringify(folder)}, bootId: "boot-1" }).vouch();
      process.kill(process.pid, "SIGKILL");`;
    Bun.spawnSync([process.execPath, "-e", script]);
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    const opened = open();
    expect(opened.trust).toBe("unknown");
    expect(opened.reason).toContain("write-ahead log is gone");
  });

  it("keeps a damaged file beside the new one", () => {
    used().store.close();
    writeFileSync(path, "x".repeat(9000));
    open();
    expect(existsSync(`${path}.damaged`)).toBe(true);
  });
});

describe("AgentStore", () => {
  it("notices that its file was replaced", () => {
    const { store } = used();
    expect(store.isInPlace()).toBe(true);
    rmSync(path);
    expect(store.isInPlace()).toBe(false);
  });

  it("stores all changes of a step or none", () => {
    const { store } = used();
    const other: PooledAddress = { ...held, address: "10.0.16.6" };
    expect(() =>
      store.apply([
        { type: "object", address: other },
        // The attachment holds 10.0.16.5 already.
        { type: "holding", address: other },
      ]),
    ).toThrow(/UNIQUE/);
    expect(store.addresses().map(({ address }) => address)).toEqual(["10.0.16.5"]);
  });

  it("goes through the life of an address", () => {
    const { store } = used();
    const cooling: PooledAddress = {
      ...held,
      holding: {
        kind: "cooling-down",
        containerId: "c1",
        ifName: "eth0",
        since: 5,
        restingSince: 5,
        vethGone: false,
      },
    };
    store.apply([{ type: "holding", address: cooling }]);
    expect(store.addresses()[0]?.holding).toEqual({
      kind: "cooling-down",
      containerId: "c1",
      ifName: "eth0",
      since: 5,
    });
    store.apply([
      { type: "holding", address: { ...held, holding: { kind: "reclaimable", token: "t", since: 7 } } },
    ]);
    expect(store.addresses()[0]?.holding).toEqual({ kind: "reclaimable", token: "t", since: 7 });
    store.apply([{ type: "object", address: { ...held, object: undefined } }]);
    expect(store.addresses()[0]?.object).toBeUndefined();
    store.apply([{ type: "forget", address: held.address }]);
    expect(store.addresses()).toEqual([]);
  });

  it("keeps ENIs and small facts", () => {
    const { store } = used();
    const eni = {
      eniId: "eni-1",
      mac: "20:90:6f:00:00:01",
      primaryIp: "10.0.16.2",
      gateway: "10.0.16.1",
      subnetId: "subnet-1",
      table: 4003,
      number: 1,
    };
    store.saveEni(eni);
    store.setMeta("announced-slots", "7");
    expect(store.enis()).toEqual([eni]);
    expect(store.meta("announced-slots")).toBe("7");
    store.forgetEni("eni-1");
    expect(store.enis()).toEqual([]);
  });
});
