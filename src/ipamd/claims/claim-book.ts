import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { keyOf } from "../../kube/resource.ts";
import type { ObjectCache } from "../objects/object-cache.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";

/** An ENI that has lost its last address is kept so long: the next pod of a rolling update comes within that. Monotonic ms. */
const EMPTY_MS = 120_000;

/** Pods as the watch has them. */
export interface PodSource {
  get(name: string, namespace?: string): SlimPod | undefined;
  /** Those that are bound to a node and need an address there. */
  index(name: "node", node: string): SlimPod[];
}

/** Claims and their pods: who is to have which address, and where. */
export class ClaimBook {
  readonly #claims: ObjectCache<VpcIPClaim>;
  readonly #pods: PodSource;
  /** By ENI, when it was last seen with an address. */
  readonly #filled = new Map<string, number>();
  /** By ENI in the middle of something, nodes to which an address is to move from it. */
  readonly #awaiting = new Map<string, Set<string>>();

  constructor(claims: ObjectCache<VpcIPClaim>, pods: PodSource) {
    this.#claims = claims;
    this.#pods = pods;
  }

  claim(key: string): VpcIPClaim | undefined {
    return this.#claims.get(...nameIn(key));
  }

  list(): VpcIPClaim[] {
    return this.#claims.list();
  }

  pod(key: string): SlimPod | undefined {
    return this.#pods.get(...nameIn(key));
  }

  /** Pods that are bound to a node and need an address there. */
  podsOn(node: string): SlimPod[] {
    return this.#pods.index("node", node);
  }

  /**
   * Whether an address that says it is for that claim stays with it: unless the claim is on its way out and no pod of the name is bound. A
   * claim that is not seen proves nothing: who has quorum-read its absence takes it off the address.
   */
  keeps(key: string): boolean {
    if (this.claim(key)?.metadata.deletionTimestamp === undefined) return true;
    const pod = this.pod(key);
    return pod?.needsAddress === true && pod.node !== undefined;
  }

  /** Takes note of an ENI's secondary addresses. @param now monotonic ms */
  sawEni(eniId: string, addresses: number, now: number): void {
    if (addresses > 0 || !this.#filled.has(eniId)) this.#filled.set(eniId, now);
  }

  /** Whether an ENI has had an address a moment ago, or was made then. */
  isJustEmptied(eniId: string, now: number): boolean {
    return now - (this.#filled.get(eniId) ?? Number.NEGATIVE_INFINITY) < EMPTY_MS;
  }

  /** Takes that a node waits for an ENI of another one, which does one thing at a time. */
  awaitsEni(eniId: string, node: string): void {
    this.#awaiting.set(eniId, (this.#awaiting.get(eniId) ?? new Set()).add(node));
  }

  /** Nodes that have waited for an ENI of which there is news: each is looked at again, and waits anew if it has to. */
  takeAwaiting(eniId: string): Iterable<string> {
    const nodes = this.#awaiting.get(eniId) ?? [];
    this.#awaiting.delete(eniId);
    return nodes;
  }

  forgetEni(eniId: string): void {
    this.#filled.delete(eniId);
    this.#awaiting.delete(eniId);
  }
}

/** `namespace/name` of a pod, and of its claim. */
export function claimKey({ metadata }: { metadata: { name: string; namespace?: string } }): string {
  return keyOf(metadata.name, metadata.namespace);
}

/** Name and namespace of a key. */
export function nameIn(key: string): [name: string, namespace: string] {
  const slash = key.indexOf("/");
  return [key.slice(slash + 1), key.slice(0, slash)];
}
