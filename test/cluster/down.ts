import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Progress } from "../../tools/build/progress.ts";
import { clusterPids, killCgroup } from "./cgroup.ts";
import { loadClusterRecord } from "./cluster-record.ts";
import { runFolder, stateFolder } from "./folders.ts";
import { restoreHostSysctls } from "./host-sysctls.ts";
import {
  deleteManagementLink,
  deleteNetworkNamespace,
  listNetworkNamespaces,
  processesIn,
} from "./network-namespaces.ts";
import { removeMountPoints } from "./node-mounts.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { signalIfThere } from "./signal-if-there.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * Takes the cluster of this machine away, also one that never came up or whose `up` was killed: all processes, control
 * groups, namespaces and with them their mounts and links, and files.
 *
 * @returns whether there was anything to take away
 */
export function down(progress: Progress): Promise<boolean> {
  return oneAtATime(() => takeDown(progress));
}

/** What `down` does, for who holds the lock already. */
export async function takeDown(progress: Progress): Promise<boolean> {
  const namespaces = await listNetworkNamespaces();
  const nothing = namespaces.length === 0 && clusterPids().length === 0;
  if (nothing && !existsSync(stateFolder) && !existsSync(runFolder)) return false;
  await progress.step("taking the cluster down", async () => {
    await killCgroup();
    for (const namespace of namespaces) await endNamespace(namespace);
    await deleteManagementLink();
    const record = await loadClusterRecord();
    restoreHostSysctls(record?.sysctls ?? {});
    removeMountPoints(record?.mountPoints ?? []);
    await rm(runFolder, { recursive: true, force: true });
    // Last: it holds the record of what has to be put back.
    await rm(stateFolder, { recursive: true, force: true });
  });
  return true;
}

/** A namespace lives as long as somebody is in it, such as a person's shell, and its links with it. */
async function endNamespace(namespace: string): Promise<void> {
  await waitUntil(
    `the end of the processes in ${namespace}`,
    async () => {
      const pids = await processesIn(namespace);
      for (const pid of pids) signalIfThere(pid, "SIGKILL");
      return pids.length === 0;
    },
    { deadlineMs: 10_000 },
  );
  await deleteNetworkNamespace(namespace);
}
