import type { Pod } from "../../src/kube/core-resources.ts";
import type { Cluster } from "./cluster.ts";
import { getJson } from "./observe.ts";
import { sleepingPod } from "./sleeping-pod.ts";

const NAME = "many";

interface ManyPod extends Pod {
  readonly status?: Pod["status"] & {
    readonly containerStatuses?: readonly { readonly state: { readonly running?: { startedAt: string } } }[];
  };
}

/** Creates a Deployment of so many pods that do nothing but have an address. */
export async function createManyPods(cluster: Cluster, replicas: number): Promise<void> {
  const labels = { app: NAME };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: NAME },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: sleepingPod(),
      },
    },
  };
  await cluster.kubectl(["create", "-f", "-"], { input: JSON.stringify(deployment) });
}

/** All of them, those that failed, too. */
export async function manyPods(cluster: Cluster): Promise<Pod[]> {
  return (await getJson<{ items: Pod[] }>(cluster, "pods", "-l", `app=${NAME}`)).items;
}

/**
 * The pods, once so many of them run that were started at that time (milliseconds since 1970) or after it.
 *
 * @throws as long as it is another number, with that number
 */
export async function manyRun(cluster: Cluster, count: number, since: number): Promise<Pod[]> {
  const running = ((await manyPods(cluster)) as ManyPod[]).filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status?.phase === "Running" &&
      status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") &&
      // Told in whole seconds.
      Date.parse(status.containerStatuses?.[0]?.state.running?.startedAt ?? "") >= since - 1_000,
  );
  if (running.length !== count) throw new Error(`${running.length} of ${count} run`);
  return running;
}

/** Deletes Deployment and pods; returns when their objects are gone. */
export async function deleteManyPods(cluster: Cluster): Promise<void> {
  await cluster.kubectl(["delete", "deployment", NAME, "--timeout=60s"]);
  await cluster.kubectl(["delete", "pods", "-l", `app=${NAME}`, "--timeout=60s"]);
}
