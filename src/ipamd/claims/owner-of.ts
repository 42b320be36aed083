import type { KubeClient } from "../../kube/kube-client.ts";
import type { ObjectMeta, OwnerReference } from "../../kube/kube-object.ts";
import type { Resource } from "../../kube/resource.ts";

const replicaSets: Resource<{ readonly metadata: ObjectMeta }> = {
  group: "apps",
  version: "v1",
  plural: "replicasets",
  kind: "ReplicaSet",
  namespaced: true,
};

/**
 * The workload behind a pod: what made the pod, or the Deployment behind that. With it as an owner the garbage collector deletes the claim when
 * the workload is gone; the claim's finalizer holds it until the pod is gone as well.
 */
export async function ownerOf(
  kube: Pick<KubeClient, "find">,
  maker: OwnerReference,
  namespace: string,
): Promise<OwnerReference> {
  const set =
    maker.kind === "ReplicaSet" ? await kube.find(replicaSets, maker.name, { namespace }) : undefined;
  const { apiVersion, kind, name, uid } =
    set?.metadata.ownerReferences?.find(({ controller }) => controller) ?? maker;
  return { apiVersion, kind, name, uid };
}
