import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Daemon } from "./daemon.ts";
import { stateFolder } from "./folders.ts";

/** What must be known of a cluster to use it and to take it down. Written before anything else is done. */
export interface ClusterRecord {
  readonly nodes: number;
  /** Of the nodes, where it is not the usual one. */
  readonly instanceType?: string;
  /** Whether `up` came to its end. */
  readonly complete: boolean;
  /** The process whose end makes the cluster a leftover; without it the cluster is a person's and stays until `down`. */
  readonly owner?: Daemon;
  /** Folders of the host that were made for the nodes' mounts. */
  readonly mountPoints: readonly string[];
  /** Kernel settings of the host before kubelets changed them. */
  readonly sysctls: Readonly<Record<string, string>>;
}

const path = join(stateFolder, "cluster.json");

/** The record of the cluster on this machine, whole or not; undefined if there is none. */
export async function loadClusterRecord(): Promise<ClusterRecord | undefined> {
  return existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : undefined;
}

/** Writes the record, whole or not at all. */
export async function saveClusterRecord(record: ClusterRecord): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record));
  await rename(`${path}.new`, path);
}
