import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import {
  CLAIM_FINALIZER,
  VPC_IP_CLAIM,
  type VpcIPClaim,
  type VpcIPClaimSpec,
  type VpcIPClaimStatus,
} from "../../api/vpc-ip-claim.ts";
import type { KubeClient, MergePatch } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { OwnerReference } from "../../kube/kube-object.ts";
import type { Resource } from "../../kube/resource.ts";
import { ObjectCache, type ObjectSource } from "./object-cache.ts";

export const claimResource: Resource<VpcIPClaim> = VPC_IP_CLAIM;

/** Where claims come from: a watch that files them by the address that they have. */
export interface ClaimSource extends ObjectSource<VpcIPClaim> {
  readonly store: ObjectSource<VpcIPClaim>["store"] & {
    index(name: "address", address: string): VpcIPClaim[];
  };
}

/** What is to be changed of a claim beside its status. */
export interface ClaimChange {
  /** `null` takes a field away. */
  spec?: { [Field in keyof VpcIPClaimSpec]?: VpcIPClaimSpec[Field] | null };
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/**
 * ipamd's side of the claims. Each write is of the version that was decided about: who binds the pod writes to the same object, and a claim
 * that has changed is looked at again.
 */
export class ClaimObjects {
  readonly cache: ObjectCache<VpcIPClaim>;
  readonly #source: ClaimSource;
  readonly #kube: KubeClient;

  constructor(kube: KubeClient, source: ClaimSource) {
    this.#kube = kube;
    this.#source = source;
    this.cache = new ObjectCache(source);
  }

  /** The claim that has the address; of several, one that is not on its way out. */
  ofAddress(address: string): VpcIPClaim | undefined {
    const isFor = ({ spec }: VpcIPClaim) => spec.address === address;
    const claims = [...this.#source.store.index("address", address), ...this.cache.unseen().filter(isFor)]
      .map(({ metadata }) => this.cache.get(metadata.name, metadata.namespace))
      .filter((claim) => claim !== undefined && isFor(claim));
    return claims.find((claim) => claim?.metadata.deletionTimestamp === undefined) ?? claims[0];
  }

  /** Makes a claim, unless there is one: whoever was first has made it. */
  async create(name: string, namespace: string, spec: VpcIPClaimSpec): Promise<void> {
    try {
      const metadata = { name, namespace, finalizers: [CLAIM_FINALIZER] };
      const options = { fieldManager: IPAMD_MANAGER };
      this.cache.wrote(await this.#kube.create(claimResource, { metadata, spec }, options));
    } catch (error) {
      if (!(error instanceof KubeError && error.isAlreadyExists)) throw error;
    }
  }

  /** @throws KubeError, a conflict where it has changed since it was decided */
  async change(claim: VpcIPClaim, { spec, ...metadata }: ClaimChange): Promise<VpcIPClaim> {
    const { name, namespace, resourceVersion = "" } = claim.metadata;
    const patch = {
      metadata: { resourceVersion, ...metadata },
      ...(spec !== undefined && { spec }),
    } as MergePatch<VpcIPClaim>;
    const options = { namespace, patch, fieldManager: IPAMD_MANAGER };
    return this.#write(claim, () => this.#kube.mergePatch(claimResource, name, options));
  }

  async writeStatus(claim: VpcIPClaim, status: VpcIPClaimStatus): Promise<void> {
    if (Bun.deepEquals(claim.status ?? {}, status)) return;
    const { name, namespace = "" } = claim.metadata;
    const object = { metadata: { name, namespace }, status };
    const options = { fieldManager: IPAMD_MANAGER, force: true };
    await this.#write(claim, () => this.#kube.applyStatus(claimResource, object, options));
  }

  async #write({ metadata }: VpcIPClaim, write: () => Promise<VpcIPClaim>): Promise<VpcIPClaim> {
    try {
      return this.cache.wrote(await write());
    } catch (error) {
      // It went before the watch ever brought it: what we remember of it would never go.
      if (error instanceof KubeError && error.isNotFound)
        this.cache.forget(metadata.name, metadata.namespace);
      throw error;
    }
  }

  /** Asks for the end of that version of a claim; its finalizer holds it until the address is nobody's. */
  async release(claim: VpcIPClaim): Promise<void> {
    const { name, namespace, uid, resourceVersion } = claim.metadata;
    await this.#kube.delete(claimResource, name, { namespace, uid, resourceVersion });
  }

  /** Lets a claim go that is on its way out: its address is nobody's, or it never had one. */
  async finish(claim: VpcIPClaim): Promise<void> {
    const finalizers = claim.metadata.finalizers?.filter((it) => it !== CLAIM_FINALIZER) ?? [];
    // Others hold it.
    if (finalizers.length === claim.metadata.finalizers?.length) return;
    await this.change(claim, { finalizers });
    if (finalizers.length === 0) this.cache.removed(claim);
  }

  /** A quorum read. */
  async find(name: string, namespace: string): Promise<VpcIPClaim | undefined> {
    return this.#kube.find(claimResource, name, { namespace });
  }
}
