import type { Pod } from "../../kube/core-resources.ts";

/** What is kept of a pod: enough to count it. */
export interface PodOnNode {
  metadata: { name: string; namespace: string; uid: string; resourceVersion: string };
  node: string | undefined;
  needsAddress: boolean;
}

/**
 * Whether a pod takes an address of its node: it counts from the moment it is bound to the node; one of the host network never
 * does, and one that has ended no longer does, whatever objects of it remain.
 */
export function podOnNode(pod: Pod): PodOnNode {
  const { name, namespace = "", uid, resourceVersion } = pod.metadata;
  const ended = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
  return {
    metadata: { name, namespace, uid, resourceVersion },
    node: pod.spec.nodeName,
    needsAddress: !pod.spec.hostNetwork && !ended,
  };
}
