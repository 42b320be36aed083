import type { Condition } from "../../api/condition.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { ClaimObjects } from "../objects/claim-objects.ts";
import { ClaimBook, claimKey, nameIn, type PodSource } from "./claim-book.ts";

/** How fixed addresses are served. */
export interface ClaimOptions {
  /** How long a node must have been unreachable before an address moves away from it without its leave. */
  partitionGraceMs: number;
  /** How long a kept address outlives its pod where the pod does not say; undefined: for good. */
  expiresAfterMs: number | undefined;
  /** Claims go with the workload whose pod has kept its address. */
  ownerReferences: boolean;
  /** Addresses that each node keeps ready for pods that keep none. */
  poolSize: number;
  /** A pod for which no subnet is named, by itself or by its node, gets no address. */
  onlyNominated: boolean;
}

/** Reason of a claim whose address is to leave an ENI, as soon as it is proven that nobody uses it there. */
export const WAITING_FOR_HOLDER = "WaitingForHolder";

/** Why a claim's address is not where its pod is. */
export type ClaimWait = Pick<Condition, "reason" | "message">;

/** How often a claim is changed that has changed meanwhile. */
const CHANGE_TRIES = 4;

/** How long an address that somebody else has is not asked for again. Monotonic ms. */
const TAKEN_AGAIN_MS = 30_000;

export interface ClaimWorldParts {
  objects: ClaimObjects;
  pods: PodSource;
  options: ClaimOptions;
  /** Monotonic ms. */
  now: () => number;
  /** Told of a claim about which there is something new. */
  changed: (key: string) => void;
}

/** What work on nodes and work on claims share. */
export class ClaimWorld {
  readonly objects: ClaimObjects;
  readonly book: ClaimBook;
  readonly options: ClaimOptions;
  readonly #parts: ClaimWorldParts;
  readonly #waits = new Map<string, ClaimWait>();
  /** By claim, when its address was found taken. */
  readonly #taken = new Map<string, number>();
  /** By claim, when the object of its address went. */
  readonly #lost = new Map<string, number>();

  constructor(parts: ClaimWorldParts) {
    this.#parts = parts;
    this.objects = parts.objects;
    this.options = parts.options;
    this.book = new ClaimBook(parts.objects.cache, parts.pods);
  }

  /** Key of the claim that has the address. */
  ofAddress(address: string): string | undefined {
    const claim = this.objects.ofAddress(address);
    return claim && claimKey(claim);
  }

  /** Whether a claim has the address that is not on its way out. */
  isKept(address: string): boolean {
    const claim = this.objects.ofAddress(address);
    return claim !== undefined && claim.metadata.deletionTimestamp === undefined;
  }

  /** The node that the pod of a claim is bound to. */
  nodeOf(key: string): string | undefined {
    return this.book.pod(key)?.node;
  }

  /** Whether the address stays with a claim. */
  isClaimed({ spec }: Pick<VpcIP, "spec">): boolean {
    return spec.claim !== undefined && this.book.keeps(spec.claim);
  }

  /** Why a claim waits, as work on the node has found. */
  waitOf(key: string): ClaimWait | undefined {
    return this.#waits.get(key);
  }

  waits(key: string, wait: ClaimWait | undefined): void {
    const before = this.#waits.get(key);
    if (before?.reason === wait?.reason && before?.message === wait?.message) return;
    if (wait === undefined) this.#waits.delete(key);
    else this.#waits.set(key, wait);
    this.#parts.changed(key);
  }

  /** Takes that somebody outside has the address of a claim. */
  addressTaken(key: string, address: string): void {
    this.#taken.set(key, this.#parts.now());
    this.waits(key, {
      reason: "AddressTaken",
      message: `somebody else in the VPC has ${address}: delete the claim and the pod for another address, or free it`,
    });
  }

  /** Whether the address of a claim was found taken a moment ago. */
  isTaken(key: string): boolean {
    const at = this.#taken.get(key);
    if (at === undefined) return false;
    if (this.#parts.now() - at < TAKEN_AGAIN_MS) return true;
    this.#taken.delete(key);
    return false;
  }

  /** Takes that a claim's address is not where its object said, which is gone. */
  addressLost(key: string): void {
    this.#lost.set(key, this.#parts.now());
  }

  /** When a claim's address was last found not to be where its object said: a late call may have brought it to any ENI since. */
  lostAt(key: string): number | undefined {
    return this.#lost.get(key);
  }

  /**
   * A new address was made for a claim, and its object says so: from now on the claim has it. A claim that keeps nothing has what its pod is
   * given, which may be another one that is free there.
   */
  async gaveAddress(
    key: string,
    { address, subnetId }: { address: string; subnetId: string },
  ): Promise<void> {
    let claim = this.book.claim(key);
    if (claim?.spec.policy !== "Never") return;
    for (let tries = 1; claim !== undefined && claim.spec.address === undefined; tries++) {
      try {
        await this.objects.change(claim, { spec: { address, subnetID: subnetId } });
        return;
      } catch (error) {
        // Its status is written beside this.
        if (tries === CHANGE_TRIES || !(error instanceof KubeError && error.isConflict)) throw error;
        claim = await this.objects.find(...nameIn(key));
      }
    }
  }

  /** Claims that nothing is known of any more. */
  forget(key: string): void {
    this.#waits.delete(key);
    this.#taken.delete(key);
    this.#lost.delete(key);
  }
}
