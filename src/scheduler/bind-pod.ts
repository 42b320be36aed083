import { podWishes } from "../api/pod-wishes.ts";
import { CLAIM_FINALIZER, VPC_IP_CLAIM, type VpcIPClaim } from "../api/vpc-ip-claim.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import { keyOf, type Resource } from "../kube/resource.ts";
import type { CallOptions, KubeTransport } from "../kube/transport.ts";
import { REASONS } from "./decide/refusal.ts";
import type { ExtenderBindingArgs, ExtenderPod } from "./wire/extender-messages.ts";

/** Owns `spec.node` and `spec.podUID` of claims. */
export const SCHEDULER_MANAGER = "tke-eni-ip-scheduler";

const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;

export interface BindWorld {
  readonly kube: Pick<KubeClient, "create" | "find" | "list" | "mergePatch" | "delete">;
  readonly transport: Pick<KubeTransport, "call">;
  /** Asked right before each call, for its deadline. @throws Error where it may not be made any more */
  call(): CallOptions;
}

export interface BindTo {
  readonly args: ExtenderBindingArgs;
  readonly pod: ExtenderPod;
  readonly subnetId: string;
  /** The address that the pod names and does not have yet. */
  readonly address: string | undefined;
}

/**
 * Writes for whom an address is wanted, and where, and then binds the pod: an extender that dies in between loses nothing, since the pod's
 * next filter finds the claim.
 *
 * @throws Error with what to tell of the pod: a claim that is being deleted, an address that another has claimed, an API server that does not answer
 */
export async function bindPod(world: BindWorld, to: BindTo): Promise<void> {
  const claim = (await createClaim(world, to)) ?? (await takeClaimOver(world, to));
  if (to.address !== undefined && claim.spec.address === to.address) await refuseSecondClaimant(world, claim);
  const { PodName: name, PodNamespace: namespace, PodUID: uid, Node } = to.args;
  const binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name, namespace, uid },
    target: { apiVersion: "v1", kind: "Node", name: Node },
  };
  await world.transport.call(
    {
      method: "POST",
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/binding`,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(binding),
    },
    world.call(),
  );
}

/** @returns undefined where there is one of the name: the API server is the arbiter, and whoever was first has made it */
async function createClaim(
  { kube, call }: BindWorld,
  { args, pod, subnetId, address }: BindTo,
): Promise<VpcIPClaim | undefined> {
  const { PodName: name, PodNamespace: namespace, PodUID: podUID, Node: node } = args;
  const { policy, expiresAfterSeconds } = podWishes(pod.metadata.annotations ?? {});
  try {
    return await kube.create(
      claims,
      {
        metadata: { name, namespace, finalizers: [CLAIM_FINALIZER] },
        spec: {
          policy,
          subnetID: subnetId,
          node,
          podUID,
          ...(expiresAfterSeconds !== undefined && { expiresAfterSeconds }),
          ...(address !== undefined && { address }),
        },
      },
      { ...call(), fieldManager: SCHEDULER_MANAGER },
    );
  } catch (error) {
    if (error instanceof KubeError && error.isAlreadyExists) return undefined;
    throw error;
  }
}

/** The claim of a former pod of the name, or of a former try: it is of this pod from now on. Read anew where ipamd has written of it meanwhile. */
async function takeClaimOver(world: BindWorld, to: BindTo): Promise<VpcIPClaim> {
  const { PodName: name, PodNamespace: namespace, PodUID: podUID } = to.args;
  /** Whose it was at first. */
  let former: string | undefined;
  // There is an end to it: `call` throws once the time is over.
  for (let tries = 0; ; tries++) {
    const there = await world.kube.find(claims, name, { ...world.call(), namespace });
    if (there === undefined)
      throw new Error(`the claim ${namespace}/${name} was there and is not any more: it is tried again`);
    if (tries === 0) former = there.spec.podUID;
    else if (there.spec.podUID !== former && there.spec.podUID !== podUID)
      throw new Error(`the claim ${namespace}/${name} is another pod's of that name by now`);
    try {
      return await changeClaim(world, { ...to, there });
    } catch (error) {
      if (!(error instanceof KubeError && error.isConflict)) throw error;
    }
  }
}

async function changeClaim(
  { kube, call }: BindWorld,
  { args, pod, subnetId, address, there }: BindTo & { readonly there: VpcIPClaim },
): Promise<VpcIPClaim> {
  const { PodName: name, PodNamespace: namespace, PodUID: podUID, Node: node } = args;
  const { spec, metadata } = there;
  if (metadata.deletionTimestamp !== undefined) {
    throw new Error(
      `the claim ${namespace}/${name} of a former pod is being deleted: it is tried again once that is done`,
    );
  }
  // The watch that filter went by did not show it yet.
  if (spec.address !== undefined && (spec.subnetID ?? subnetId) !== subnetId) {
    throw new Error(
      `its address ${spec.address} is of ${spec.subnetID}, and it was sent where ${subnetId} is: it is tried again`,
    );
  }
  const { policy, expiresAfterSeconds } = podWishes(pod.metadata.annotations ?? {});
  const wanted = {
    ...spec,
    node,
    podUID,
    policy,
    expiresAfterSeconds,
    subnetID: spec.address === undefined ? subnetId : spec.subnetID,
    address: spec.address ?? address,
  };
  if (Bun.deepEquals(wanted, spec)) return there;
  return await kube.mergePatch(claims, name, {
    ...call(),
    fieldManager: SCHEDULER_MANAGER,
    namespace,
    patch: {
      metadata: { resourceVersion: metadata.resourceVersion ?? "" },
      spec: {
        ...wanted,
        ...(expiresAfterSeconds === undefined &&
          spec.expiresAfterSeconds !== undefined && { expiresAfterSeconds: null }),
      },
    },
  });
}

/**
 * An address that a pod names is its own where no other claim names it. Whoever finds another one gives its own up, and tries again: of two that come
 * at the same time at most one stays, whichever clocks they have.
 */
async function refuseSecondClaimant({ kube, call }: BindWorld, claim: VpcIPClaim): Promise<void> {
  const { name, namespace, uid } = claim.metadata;
  const fieldSelector = `spec.address=${claim.spec.address}`;
  const { items } = await kube.list(claims, { ...call(), fieldSelector });
  const other = items.find(({ metadata }) => metadata.name !== name || metadata.namespace !== namespace);
  if (other === undefined) return;
  await kube.delete(claims, name, { ...call(), namespace, uid });
  const key = keyOf(other.metadata.name, other.metadata.namespace);
  throw new Error(`${REASONS.addressInUse}: ${claim.spec.address} is claimed by ${key}: it is tried again`);
}
