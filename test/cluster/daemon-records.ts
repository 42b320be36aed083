import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Daemon } from "./daemon.ts";
import { daemonsFolder } from "./folders.ts";

/** Records a daemon of the cluster, in place of an earlier one of its name. */
export async function saveDaemon(daemon: Daemon): Promise<void> {
  await writeFile(join(daemonsFolder, `${daemon.name}.json`), JSON.stringify(daemon));
}

/** The daemons of the cluster that were started, dead or alive, by name. */
export async function loadDaemons(): Promise<Map<string, Daemon>> {
  const daemons = new Map<string, Daemon>();
  for (const file of (await filesOf(daemonsFolder)).toSorted()) {
    const daemon: Daemon = JSON.parse(await readFile(join(daemonsFolder, file), "utf8"));
    daemons.set(daemon.name, daemon);
  }
  return daemons;
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
