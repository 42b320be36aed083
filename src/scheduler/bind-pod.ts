import { POD_ANNOTATIONS } from "../api/annotations.ts";
import { VPC_IP_CLAIM, type VpcIPClaim, type VpcIPClaimSpec } from "../api/vpc-ip-claim.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { ExtenderBindingArgs, ExtenderPod } from "./wire/extender-messages.ts";

/** Owns `spec.node` and `spec.podUID` of claims. */
export const SCHEDULER_MANAGER = "tke-eni-ip-scheduler";

const claims: typeof VPC_IP_CLAIM & { readonly objectType?: VpcIPClaim } = VPC_IP_CLAIM;

/** The scheduler gives up a call after some seconds: what takes longer is tried again. */
const TIMEOUT_MS = 2_000;

/**
 * Writes for whom an address is wanted, and where, and then binds the pod: an extender that dies in between loses nothing, since the pod's
 * next filter finds the claim.
 *
 * @throws Error with what to tell of the pod: a claim of another UID's pod that lives, an API server that does not answer
 */
export async function bindPod(
  {
    kube,
    transport,
  }: { kube: Pick<KubeClient, "create" | "find" | "mergePatch">; transport: Pick<KubeTransport, "call"> },
  { args, pod, subnetId }: { args: ExtenderBindingArgs; pod: ExtenderPod; subnetId: string },
): Promise<void> {
  await claim(kube, { args, pod, subnetId });
  const { PodName: name, PodNamespace: namespace, PodUID: uid, Node } = args;
  const binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name, namespace, uid },
    target: { apiVersion: "v1", kind: "Node", name: Node },
  };
  await transport.call(
    {
      method: "POST",
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/binding`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(binding),
    },
    { timeoutMs: TIMEOUT_MS },
  );
}

async function claim(
  kube: Pick<KubeClient, "create" | "find" | "mergePatch">,
  { args, pod, subnetId }: { args: ExtenderBindingArgs; pod: ExtenderPod; subnetId: string },
): Promise<void> {
  const { PodName: name, PodNamespace: namespace, PodUID: podUID, Node: node } = args;
  const options = { fieldManager: SCHEDULER_MANAGER, timeoutMs: TIMEOUT_MS };
  const policy: VpcIPClaimSpec["policy"] =
    pod.metadata.annotations?.[POD_ANNOTATIONS.claimDeletePolicy] === "Never" ? "Never" : "Immediate";
  try {
    await kube.create(
      claims,
      { metadata: { name, namespace }, spec: { policy, subnetID: subnetId, node, podUID } },
      options,
    );
    return;
  } catch (error) {
    // The API server is the arbiter: whoever was first has made it.
    if (!(error instanceof KubeError && error.isAlreadyExists)) throw error;
  }
  const there = await kube.find(claims, name, { namespace, timeoutMs: TIMEOUT_MS });
  if (there === undefined)
    throw new Error(`the claim ${namespace}/${name} was there and is not any more: it is tried again`);
  const { spec, metadata } = there;
  if (spec.address !== undefined && spec.subnetID !== subnetId) {
    // The watch that filter went by did not show it yet.
    throw new Error(
      `its address ${spec.address} is of ${spec.subnetID}, and it was sent where ${subnetId} is: it is tried again`,
    );
  }
  if (spec.node === node && spec.podUID === podUID) return;
  await kube.mergePatch(claims, name, {
    ...options,
    namespace,
    patch: {
      metadata: { resourceVersion: metadata.resourceVersion ?? "" },
      spec: { node, podUID, ...(spec.address === undefined && { subnetID: subnetId }) },
    },
  });
}
