import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary } from "../../tools/build/binary.ts";
import { runCommand } from "../../tools/build/run-command.ts";
import { pidsOfNode, removeContainerGroups } from "./cgroup.ts";
import type { Cluster } from "./cluster.ts";
import { waitForContainerd } from "./containerd.ts";
import { type Daemon, isAlive } from "./daemon.ts";
import { loadDaemons } from "./daemon-records.ts";
import { nodeFolder } from "./folders.ts";
import { signalIfThere } from "./signal-if-there.ts";
import { startDaemon } from "./start-daemon.ts";
import { waitUntil } from "./wait-until.ts";

/** What runs on a node beside its pods, in the order in which it starts. */
const PROGRAMS = ["containerd", "kubelet", "kube-proxy"] as const;

/**
 * What a boot begins with, in the node's mounts and network: nothing mounted for containers, an empty /run, and of the network
 * only the links of the machine's ENIs, the further ones down and without addresses. (Mounts of the host that the node's own /run
 * covers are listed, too, and cannot be reached.) Links of pods may go at any moment: the kernel takes the pods' namespaces away on its own time, and their routes
 * with them.
 */
const CLEAN = `set -e
for mount in $(awk '$2 ~ "^/run/" || $2 ~ "^/var/lib/kubelet/pods/" {print $2}' /proc/mounts | sort -r); do umount -l "$mount" 2>/dev/null || true; done
find /run -mindepth 1 -delete
mkdir -p /run/netns /run/containerd /run/lock
touch /run/node-is-ready
nft flush ruleset
for link in $(ip -o link show type veth | awk -F': ' '{split($2, name, "@"); print name[1]}'); do
  case $link in
    eth0) ;;
    eth*) ip address flush dev "$link"; ip link set "$link" down ;;
    *) ip link delete "$link" 2>/dev/null || ! ip link show dev "$link" >/dev/null 2>&1 ;;
  esac
done
ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default
for table in $(ip route show table all | awk '{for (i = 1; i < NF; i++) if ($i == "table" && $(i+1) != "local") print $(i+1)}' | sort -u); do ip route flush table "$table"; done
sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.all.send_redirects=1
conntrack -F >/dev/null 2>&1 || true
`;

/**
 * Has a node lose its power and boot: everything that ran on it is gone at once, and nothing is left but its disk. Returns when
 * its programs have been started again, with these.
 *
 * The kernel is the machine's and does not boot; so the agent's store is told of another boot id, as it would find it.
 */
export async function rebootNode(cluster: Cluster, node: string): Promise<Daemon[]> {
  const daemons = await loadDaemons();
  const programs = PROGRAMS.map((program) => {
    const daemon = daemons.get(`${node}-${program}`);
    if (daemon === undefined) throw new Error(`the cluster has no record of ${node}-${program}`);
    return { daemon, command: readFileSync(`/proc/${daemon.pid}/cmdline`, "utf8").split("\0").slice(0, -1) };
  });
  const holder = daemons.get(`${node}-holder`);
  if (holder === undefined) throw new Error(`the cluster has no record of ${node}-holder`);
  await killAllOn(node, { holder, daemons: programs.map(({ daemon }) => daemon) });
  await removeContainerGroups(node);
  await cluster.nodeExec(node, ["sh", "-c", CLEAN]);
  await forgetBoot(node);
  const path = { PATH: `${dirname(await binary("containerd-shim-runc-v2"))}:${process.env["PATH"]}` };
  const running: Daemon[] = [];
  for (const { daemon, command } of programs) {
    const started = await startDaemon(daemon.name, [...(await cluster.enterNode(node)), ...command], {
      env: path,
    });
    running.push(started);
    // The order of PROGRAMS: the kubelet comes after it.
    if (daemon.name === `${node}-containerd`) await waitForContainerd(started, holder);
  }
  return running;
}

async function killAllOn(
  node: string,
  { holder, daemons }: { holder: Daemon; daemons: readonly Daemon[] },
): Promise<void> {
  const mounts = mountsOf(holder.pid);
  await waitUntil(
    `the end of all processes of ${node}`,
    () => {
      const found = new Set([...pidsOfNode(node), ...pidsWithMounts(mounts)]);
      found.delete(holder.pid);
      for (const pid of found) signalIfThere(pid, "SIGKILL");
      return found.size === 0 && !daemons.some(isAlive);
    },
    { deadlineMs: 20_000, intervalMs: 20 },
  );
}

/** The pids of this machine whose mount namespace this is. */
function pidsWithMounts(mounts: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => mountsOf(pid) === mounts);
}

function mountsOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return "";
  }
}

/** Writes another boot id into the agent's store. By a process that is killed: one that ends in order would take the store's log away. */
async function forgetBoot(node: string): Promise<void> {
  const store = join(nodeFolder(node), "var/lib/tke-eni-agent/store.db");
  const script = `
    import { Database } from "bun:sqlite";
    const db = new Database(${JSON.stringify(store)});
    db.run("UPDATE meta SET value = 'the boot before' WHERE key = 'boot-id'");
    process.kill(process.pid, "SIGKILL");`;
  await runCommand(["sh", "-c", `"$0" -e "$1"; [ $? -eq 137 ]`, process.execPath, script]);
}
