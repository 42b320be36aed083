import type { Cluster } from "./cluster.ts";
import { getJson } from "./observe.ts";
import { signalInPod } from "./signal-in-pod.ts";

/**
 * The UID of the extender's pod that is ready, and so the one that the Service leads to.
 *
 * @throws while there is none, or more than one
 */
export async function answeringExtender(cluster: Cluster): Promise<string> {
  const { items } = await getJson<{
    items: { metadata: { uid: string }; status: { conditions?: { type: string; status: string }[] } }[];
  }>(cluster, ...["-n", "kube-system", "pods", "-l", "k8s-app=tke-eni-ip-scheduler"]);
  const ready = items.filter(({ status }) =>
    status.conditions?.some((it) => it.type === "Ready" && it.status === "True"),
  );
  const [pod] = ready;
  if (pod === undefined || ready.length > 1) throw new Error(`${ready.length} of the extender are ready`);
  return pod.metadata.uid;
}

/** @param uid of its pod */
export function signalExtender(uid: string, signal: NodeJS.Signals): void {
  signalInPod(uid, "tke-eni-ip-scheduler", signal);
}
