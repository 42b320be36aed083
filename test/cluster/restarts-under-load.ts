import { pods } from "../../src/kube/core-resources.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import type { Cluster } from "./cluster.ts";
import { getJson } from "./observe.ts";
import { sleepingPod } from "./sleeping-pod.ts";
import { waitUntil } from "./wait-until.ts";

export interface RestartLoad {
  /** The only node of the cluster. */
  readonly node: string;
  /** How many times all agents are replaced, one after the other, as `kubectl rollout restart` does it. */
  readonly restarts: number;
  /** How many pods come and go at a time: each is deleted as soon as it runs, and another one made. */
  readonly atOnce: number;
}

/** What pods and node had of it. */
export interface RestartOutcome {
  /** Pods that came, ran and went meanwhile. */
  readonly pods: number;
  /** What the kubelet said of sandboxes that it could not make. */
  readonly failedAdds: readonly string[];
  /** Pods that ended Failed, with the kubelet's words. */
  readonly failedPods: readonly string[];
  /** Whether the Node was Ready all the time. */
  readonly stayedReady: boolean;
}

const POLL_MS = 100;
/** A pod that takes longer has an agent that does not come back. */
const POD_DEADLINE_MS = 120_000;
const ROLLOUT_S = 120;

/** Replaces the agent again and again while pods come and go, and counts what went wrong. */
export async function restartUnderLoad(cluster: Cluster, load: RestartLoad): Promise<RestartOutcome> {
  const client = createKubeClient(
    createTransport(await openServerAccess({ kubeconfig: cluster.kubeconfig })),
  );
  const readyBefore = await readinessOf(cluster, load.node);
  let over = false;
  let count = 0;
  const failedPods: string[] = [];
  const worker = async () => {
    while (!over) {
      const failure = await runOnce(client, `restless-${count++}`);
      if (failure !== undefined) failedPods.push(failure);
    }
  };
  const workers = Promise.all(Array.from({ length: load.atOnce }, worker));
  try {
    const inSystem = ["-n", "kube-system"];
    for (let restart = 0; restart < load.restarts; restart++) {
      await cluster.kubectl([...inSystem, "rollout", "restart", "daemonset/tke-eni-agent"]);
      await cluster.kubectl([
        ...inSystem,
        "rollout",
        "status",
        "daemonset/tke-eni-agent",
        `--timeout=${ROLLOUT_S}s`,
      ]);
    }
  } finally {
    over = true;
    await workers;
  }
  const readyAfter = await readinessOf(cluster, load.node);
  return {
    pods: count,
    failedAdds: await failedSandboxes(cluster),
    failedPods,
    stayedReady: readyBefore.status === "True" && Bun.deepEquals(readyBefore, readyAfter),
  };
}

/** One pod's life. @returns what became of it when it failed for good */
async function runOnce(client: KubeClient, name: string): Promise<string | undefined> {
  const options = { namespace: "default" };
  const pod = {
    metadata: { name, namespace: "default" },
    spec: sleepingPod(),
  };
  await client.create(pods, pod);
  const { phase, reason, message } = await waitUntil(
    `${name} to run`,
    async () => {
      const { status } = await client.get(pods, name, options);
      return (status?.phase === "Running" || status?.phase === "Failed") && status;
    },
    { deadlineMs: POD_DEADLINE_MS, intervalMs: POLL_MS },
  );
  await client.delete(pods, name, options);
  return phase === "Failed" ? `${name}: ${reason}: ${message}` : undefined;
}

/** When the Node became what it is, and what that is. */
async function readinessOf(
  cluster: Cluster,
  node: string,
): Promise<{ status: string; lastTransitionTime: string }> {
  const { status } = await getJson<{
    status: { conditions: { type: string; status: string; lastTransitionTime: string }[] };
  }>(cluster, "node", node);
  const ready = status.conditions.find(({ type }) => type === "Ready");
  return { status: ready?.status ?? "absent", lastTransitionTime: ready?.lastTransitionTime ?? "" };
}

/** What the kubelets said of sandboxes that they could not make, for as long as events are kept. */
export async function failedSandboxes(cluster: Cluster): Promise<string[]> {
  const { items } = await getJson<{ items: { message: string; involvedObject: { name: string } }[] }>(
    cluster,
    "events",
    "--field-selector=reason=FailedCreatePodSandBox",
  );
  return items.map(({ involvedObject, message }) => `${involvedObject.name}: ${message}`);
}
