import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Daemon, isAlive } from "./daemon.ts";
import { configurationFolder, nodeFolder } from "./folders.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";
import type { NodeMachine } from "./world.ts";

/** Paths at which every node has a folder of its own, so that all of them can use the standard ones. */
const ownFolders = [
  "/etc/cni/net.d",
  "/opt/cni/bin",
  "/var/lib/cni",
  "/var/lib/containerd",
  "/var/lib/kubelet",
  "/var/lib/tke-eni-agent",
  "/var/log/containers",
  "/var/log/pods",
];

/**
 * Makes a node's file system out of the host's, in the mount namespace that the script runs in, and then holds it for as
 * long as it lives. The order is what makes it work: private first, so that nothing reaches the host, and shared last, so
 * that what the node mounts later (a pod's network namespace in /run/netns) reaches its pods.
 */
const SCRIPT = `set -e
hostname "$1"; own="$2"; shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/containerd /run/lock /run/host-cgroup
mount --rbind /sys/fs/cgroup /run/host-cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/host-cgroup /sys/fs/cgroup
umount -l /run/host-cgroup
rmdir /run/host-cgroup
for folder in "$@"; do mount --bind "$own$folder" "$folder"; done
mount --make-rshared /
echo 1 > /proc/sys/net/ipv4/ip_forward
touch /run/node-is-ready
exec sleep infinity
`;

/**
 * Makes a node's network namespace a machine: with a host name and mounts of its own. Returns the process that holds them;
 * `enterNode` gives the way in.
 */
export async function startNodeHolder(node: NodeMachine): Promise<Daemon> {
  const own = nodeFolder(node.name);
  for (const folder of ownFolders) await mkdir(join(own, folder), { recursive: true, mode: 0o755 });
  // The same script for all nodes: written each time, so that an edited one is never mixed with an old one.
  const script = join(configurationFolder, "hold-node.sh");
  await writeFile(script, SCRIPT);
  await chmod(script, 0o700);
  const holder = await startDaemon(`${node.name}-holder`, [
    ...["nsenter", `--net=/run/netns/${node.namespace}`, "--"],
    ...["unshare", "--mount", "--uts", "--propagation", "unchanged", "--"],
    ...["sh", script, node.name, own, ...ownFolders],
  ]);
  await waitUntil(
    `the mounts of ${node.name}`,
    () => existsSync(`/proc/${holder.pid}/root/run/node-is-ready`),
    {
      deadlineMs: 10_000,
      daemons: [holder],
      intervalMs: 10,
    },
  );
  return holder;
}

/** The command before a command that is to run in the node. Throws where the node is not there any more. */
export function enterNode(holder: Daemon): string[] {
  if (!isAlive(holder)) {
    throw new Error(
      `The node's namespaces are gone: ${holder.name} (pid ${holder.pid}) has ended. Run up again.`,
    );
  }
  return ["nsenter", `--target=${holder.pid}`, "--mount", "--uts", "--net", "--"];
}

/** The folders on the host that `createMountPoints` would make, parents first. */
export function missingMountPoints(): string[] {
  const wanted = new Set(ownFolders.flatMap(withParents));
  return [...wanted].filter((folder) => !existsSync(folder));
}

/** Makes what the nodes' own folders are mounted on. */
export function createMountPoints(): void {
  for (const folder of ownFolders) mkdirSync(folder, { recursive: true });
}

/** Takes away folders that were missing before `createMountPoints`, unless somebody has put something there. */
export function removeMountPoints(created: readonly string[]): void {
  for (const folder of created.toReversed()) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

function withParents(path: string): string[] {
  return path === "/" ? [] : [...withParents(dirname(path)), path];
}
