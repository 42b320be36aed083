/** Name of the store in the agent's state folder. */
export const STORE_FILE = "store.db";
/** Number of the tables below. An agent refuses a store of a higher number: it would drop what it does not know. */
export const SCHEMA_VERSION = 1;

/** Times are wall clock, milliseconds since 1970: they outlive the process. */
export const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What the VpcIP objects said last, so that a restart can serve before it has reached the API server.
-- uid is NULL when the object has gone while the address was still held or cooling down.
CREATE TABLE addresses (
  address TEXT PRIMARY KEY, eni_id TEXT NOT NULL, subnet_id TEXT NOT NULL,
  uid TEXT, instance_id TEXT
) WITHOUT ROWID;

CREATE TABLE allocations (
  address TEXT PRIMARY KEY, container_id TEXT NOT NULL, if_name TEXT NOT NULL,
  pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL, pod_uid TEXT NOT NULL, netns TEXT NOT NULL, since INTEGER NOT NULL,
  UNIQUE (container_id, if_name)
) WITHOUT ROWID;

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
