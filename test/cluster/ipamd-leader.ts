import type { Cluster } from "./cluster.ts";
import { getJson } from "./observe.ts";
import { signalInPod } from "./signal-in-pod.ts";

/** The pod of the ipamd that leads. */
export interface Leader {
  readonly pod: string;
  readonly uid: string;
  /** As the lease has it. */
  readonly identity: string;
}

/** @throws while nobody leads */
export async function findLeader(cluster: Cluster): Promise<Leader> {
  const lease = await getJson<{ spec: { holderIdentity?: string } }>(
    cluster,
    "lease",
    "-n",
    "kube-system",
    "tke-eni-ipamd",
  );
  const identity = lease.spec.holderIdentity ?? "";
  const { items } = await getJson<{
    items: { metadata: { name: string; uid: string }; spec: { nodeName?: string } }[];
  }>(cluster, "pods", "-n", "kube-system", "-l", "k8s-app=tke-eni-ipamd");
  // In the host's network its host name, with which the identity begins, is the node's.
  const pod = items.find(
    ({ spec }) => spec.nodeName !== undefined && identity.startsWith(`${spec.nodeName}-`),
  );
  if (pod === undefined)
    throw new Error(`nobody of the pods of ipamd holds the lease, whose holder is "${identity}"`);
  return { pod: pod.metadata.name, uid: pod.metadata.uid, identity };
}

/** Kills it: it gets no chance to give the lease back, nor to hear the answers to its calls. */
export function killLeader({ uid }: Leader): void {
  signalInPod(uid, "tke-eni-ipamd", "SIGKILL");
}
