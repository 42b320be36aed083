/** Name of the store in the agent's state folder. */
export const STORE_FILE = "store.db";
/** Number of the tables below. An agent refuses a store of a higher number: it would drop what it does not know. */
export const SCHEMA_VERSION = 3;

/** An attachment has one address of each family. Which network it is of, and whose link it has, is not known of those of schema 1. */
function allocations(name: string): string {
  return `CREATE TABLE ${name} (
  address TEXT PRIMARY KEY, family INTEGER NOT NULL CHECK (family IN (4, 6)),
  container_id TEXT NOT NULL, if_name TEXT NOT NULL,
  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL, pod_uid TEXT NOT NULL, netns TEXT NOT NULL, since INTEGER NOT NULL,
  network TEXT NOT NULL, link_kind TEXT NOT NULL CHECK (link_kind IN ('routed', 'foreign')), device TEXT NOT NULL,
  UNIQUE (container_id, if_name, family)
) WITHOUT ROWID;`;
}

/** Times are wall clock, milliseconds since 1970: they outlive the process. */
export const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What the VpcIP objects said last, so that a restart can serve before it has reached the API server.
-- uid is NULL when the object has gone while the address was still held or cooling down.
CREATE TABLE addresses (
  address TEXT PRIMARY KEY, eni_id TEXT NOT NULL, subnet_id TEXT NOT NULL,
  uid TEXT, instance_id TEXT,
  -- The pod that the address is for; NULL: for any, and where an agent wrote it that knew no such addresses.
  claim TEXT
) WITHOUT ROWID;

${allocations("allocations")}

CREATE TABLE cooling (
  address TEXT PRIMARY KEY, container_id TEXT NOT NULL, if_name TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;

-- Answers that ipamd may act on for ever.
CREATE TABLE reclaimable (address TEXT PRIMARY KEY, token TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE reclaimable_enis (
  eni_id TEXT PRIMARY KEY, uid TEXT NOT NULL, token TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;

-- table_number is also the group of the pods' veths: both stay as long as a pod could hold them.
CREATE TABLE enis (
  eni_id TEXT PRIMARY KEY, mac TEXT NOT NULL, primary_ip TEXT NOT NULL, gateway TEXT NOT NULL, subnet_id TEXT NOT NULL,
  table_number INTEGER NOT NULL UNIQUE, mark_number INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
`;

/** What brings a store of the schema before to each schema, by that schema's number. Each runs in one transaction with its number. */
export const MIGRATIONS: Readonly<Record<number, string>> = {
  2: `
${allocations("allocations_2")}
INSERT INTO allocations_2
  SELECT address, CASE WHEN instr(address, ':') > 0 THEN 6 ELSE 4 END, container_id, if_name,
         pod_namespace, pod_name, pod_uid, netns, since, '', 'routed', ''
  FROM allocations;
DROP TABLE allocations;
ALTER TABLE allocations_2 RENAME TO allocations;
`,
  3: "ALTER TABLE addresses ADD COLUMN claim TEXT;",
};
