import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { signalIfThere } from "./signal-if-there.ts";
import { waitUntil } from "./wait-until.ts";

// Daemons stay in the cluster's control group with whatever they start, and containers are put into that of their node:
// this is how `down` finds all of them, also what has lost its parent or its record because a run was killed.

const NAME = "tke-eni-cluster";
const MOUNT = "/sys/fs/cgroup";

/** The hierarchies of control groups: one for version 2, many for version 1. */
function hierarchies(): string[] {
  if (existsSync(join(MOUNT, "cgroup.controllers"))) return [MOUNT];
  const folders = readdirSync(MOUNT).map((name) => realpathSync(join(MOUNT, name)));
  return [...new Set(folders)].filter((folder) => existsSync(join(folder, "cgroup.procs")));
}

/** The group of the containers of one node, as the kubelet's `cgroupRoot` wants it. */
export function nodeCgroup(node: string): string {
  return `/${NAME}/${node}`;
}

/** Makes the groups of a node in all hierarchies: the kubelet wants its root to be there. */
export function createNodeCgroup(node: string): void {
  for (const hierarchy of hierarchies()) {
    mkdirSync(join(hierarchy, nodeCgroup(node)), { recursive: true });
    // Version 2 gives a group those controllers that its parent delegates, and the kubelet wants several.
    for (const parent of [hierarchy, join(hierarchy, NAME)]) delegateControllers(parent);
  }
}

function delegateControllers(folder: string): void {
  const available = join(folder, "cgroup.controllers");
  if (!existsSync(available)) return;
  const controllers = readFileSync(available, "utf8").trim().split(" ").filter(Boolean);
  for (const name of controllers) writeFileSync(join(folder, "cgroup.subtree_control"), `+${name}`);
}

/** Makes the group for the cluster's daemons and returns its folder: write a pid into `cgroup.procs` there. */
export function createDaemonCgroup(): string {
  const all = hierarchies();
  // Of version 1's hierarchies these have no controller that the container runtime would move a process to.
  const hierarchy = all.find((folder) => /\/(unified|systemd)$/.test(folder)) ?? all[0];
  if (hierarchy === undefined) {
    throw new Error(`No control groups are mounted under ${MOUNT}: containers cannot run here.`);
  }
  // Version 2 allows processes only in groups that have no groups with controllers below them.
  const folder = join(hierarchy, NAME, "daemons");
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The pids of all processes of the cluster. */
export function clusterPids(): number[] {
  return [...new Set(clusterGroups().flatMap(pidsOf))];
}

/** The pids of the processes of one pod, wherever it runs. */
export function podPids(uid: string): number[] {
  const groups = clusterGroups().filter((folder) => folder.split("/").includes(`pod${uid}`));
  return [...new Set(groups.flatMap(pidsOf))];
}

/** The pids of the containers' processes on one node. */
export function pidsOfNode(node: string): number[] {
  return [...new Set(groupsBelow(node).flatMap(pidsOf))];
}

/** Removes the groups of a node's containers, none of which may have a process any more. Its own stays. */
export async function removeContainerGroups(node: string): Promise<void> {
  for (const folder of groupsBelow(node)) await removed(folder);
}

/** Groups below that of a node, children before parents. */
function groupsBelow(node: string): string[] {
  return clusterGroups().filter((folder) => folder.includes(`${nodeCgroup(node)}/`));
}

/** Kills every process of the cluster and removes its groups. Returns when none is left. */
export async function killCgroup(): Promise<void> {
  await waitUntil(
    "the end of the cluster's processes",
    () => {
      const pids = clusterPids();
      for (const pid of pids) signalIfThere(pid, "SIGKILL");
      return pids.length === 0;
    },
    { deadlineMs: 20_000, intervalMs: 20 },
  );
  for (const folder of clusterGroups()) await removed(folder);
}

async function removed(folder: string): Promise<void> {
  await waitUntil(`the removal of ${folder}`, () => removeGroup(folder), {
    deadlineMs: 5000,
    intervalMs: 20,
  });
}

/** The kernel answers EBUSY for a moment after the last process ended. */
function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return true;
}

/** All groups of the cluster, children before parents. */
function clusterGroups(): string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, NAME))
    .filter((folder) => existsSync(folder))
    .flatMap(withChildren);
}

function withChildren(folder: string): string[] {
  return [...childrenOf(folder).flatMap((name) => withChildren(join(folder, name))), folder];
}

/** A kubelet may have removed the group since it was listed. */
function childrenOf(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function pidsOf(folder: string): number[] {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch (error) {
    // The group went, or is a threaded one, whose processes are listed in its parent.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
