import { readdirSync, readFileSync } from "node:fs";
import { answeringExtender, signalExtender } from "../cluster/answering-extender.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type Daemon, isAlive } from "../cluster/daemon.ts";
import { loadDaemons } from "../cluster/daemon-records.ts";
import { findLeader, killLeader } from "../cluster/ipamd-leader.ts";
import { startDaemon } from "../cluster/start-daemon.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { controlPlane } from "../cluster/world.ts";

/** What may befall a cluster in the middle of a scenario. */
export interface Disturbance {
  readonly name: string;
  /** How much longer than by itself anything may take, ms. */
  readonly patienceMs: number;
  /** Resolves when the harm is done, whether or not all is well again. */
  begin(cluster: Cluster): Promise<void>;
}

/** One that lasts: it begins before what scenarios are about, and somebody has to end it. */
export interface LastingDisturbance extends Disturbance {
  readonly lastsMs: number;
  end(cluster: Cluster): Promise<void>;
}

/** A lease has to run out, and a kubelet that was refused tries again later. */
const TAKEOVER_MS = 60_000;
/**
 * The next leader of ipamd calls the cloud after 52 s at most: the lease of 20 s, 2 s until it asks for it, and 30 s until no call of the one before
 * can be under way. What pods wait for is done after that, and an ADD gives up after 60 s: it may have to be tried again.
 */
const IPAMD_TAKEOVER_MS = 75_000;

const system = ["-n", "kube-system"];

export const nothing: Disturbance = { name: "nothing", patienceMs: 0, begin: async () => {} };

export const ipamdKilled: Disturbance = {
  name: "ipamd killed",
  patienceMs: IPAMD_TAKEOVER_MS,
  async begin(cluster) {
    killLeader(await waitUntil("a leader of ipamd", () => findLeader(cluster), { deadlineMs: TAKEOVER_MS }));
  },
};

export const extenderKilled: Disturbance = {
  name: "extender killed",
  patienceMs: TAKEOVER_MS,
  async begin(cluster) {
    const uid = await waitUntil("an extender that answers", () => answeringExtender(cluster), {
      deadlineMs: TAKEOVER_MS,
    });
    signalExtender(uid, "SIGKILL");
  },
};

export const apiServerKilled: Disturbance = {
  name: "API server killed",
  patienceMs: TAKEOVER_MS,
  async begin(cluster) {
    const name = "kube-apiserver";
    const daemon = (await loadDaemons()).get(name);
    if (daemon === undefined) throw new Error(`the cluster has no record of ${name}`);
    const command = readFileSync(`/proc/${daemon.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    process.kill(daemon.pid, "SIGKILL");
    // The last of its threads holds its port, while the first is a zombie already.
    await waitUntil("the end of the API server", () => !isAlive(daemon) && threadsOf(daemon) <= 1, {
      deadlineMs: 10_000,
      intervalMs: 10,
    });
    const enter = ["nsenter", `--net=/run/netns/${controlPlane.namespace}`, "--"];
    const started = await startDaemon(name, [...enter, ...command]);
    await waitUntil("the API server's readiness", () => cluster.kubectl(["get", "--raw=/readyz"]), {
      deadlineMs: TAKEOVER_MS,
      daemons: [started],
      intervalMs: 100,
    });
  },
};

function threadsOf({ pid }: Daemon): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** Nobody is ipamd. @param lastsMs from when the last of it has gone */
export function ipamdDown(lastsMs: number): LastingDisturbance {
  return {
    name: `ipamd down for ${lastsMs / 60_000} min`,
    patienceMs: lastsMs + TAKEOVER_MS,
    lastsMs,
    async begin(cluster) {
      await scaleIpamd(cluster, 0);
      const gone = ["wait", "--for=delete", "pod", "-l", "k8s-app=tke-eni-ipamd", "--timeout=60s"];
      await cluster.kubectl([...system, ...gone]);
    },
    end: (cluster) => scaleIpamd(cluster, 2),
  };
}

async function scaleIpamd(cluster: Cluster, replicas: number): Promise<void> {
  await cluster.kubectl([...system, "scale", "deployment/tke-eni-ipamd", `--replicas=${replicas}`]);
}
