import { openCluster } from "./cluster.ts";
import { loadClusterRecord } from "./cluster-record.ts";
import { isAlive } from "./daemon.ts";
import { loadDaemons } from "./daemon-records.ts";
import { logFolder } from "./folders.ts";

/** Tells what runs of the cluster of this machine, one line a process, and what the API server says of its nodes. */
export async function status(): Promise<string> {
  const record = await loadClusterRecord();
  if (record === undefined) return "No cluster runs on this machine.";
  const daemons = [...(await loadDaemons()).values()];
  const width = Math.max(0, ...daemons.map((daemon) => daemon.name.length));
  const lines = daemons.map(
    (daemon) => `${daemon.name.padEnd(width)}  ${isAlive(daemon) ? `running, pid ${daemon.pid}` : "ended"}`,
  );
  if (!record.complete) return [...lines, `\`up\` did not come to its end; logs: ${logFolder}`].join("\n");
  const cluster = await openCluster();
  const nodes = await cluster
    .kubectl(["get", "nodes", "--output=wide"])
    .catch((error: Error) => error.message);
  return [
    ...lines,
    "",
    nodes.trimEnd(),
    "",
    `logs: ${logFolder}`,
    `export KUBECONFIG=${cluster.kubeconfig}`,
  ].join("\n");
}
