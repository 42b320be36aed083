import type { VpcIP } from "../../api/vpc-ip.ts";
import { CLAIM_FINALIZER, type VpcIPClaim, type VpcIPClaimStatus } from "../../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { pods as podResource } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import type { OwnerReference } from "../../kube/kube-object.ts";
import type { Logger } from "../../kube/logger.ts";
import type { BindLatency } from "../metrics.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import { isHeld } from "../objects/is-held.ts";
import type { TokenBook } from "../objects/token-book.ts";
import { withoutReclaim } from "../objects/without-reclaim.ts";
import type { Notices } from "../signals/notices.ts";
import { type SlimPod, slimPod } from "../waiting/slim-pod.ts";
import type { WorkResult } from "../work-queue.ts";
import { nameIn } from "./claim-book.ts";
import { claimMistake } from "./claim-mistake.ts";
import { type ClaimWait, type ClaimWorld, WAITING_FOR_HOLDER } from "./claim-world.ts";
import { expiryOf, judgeClaim } from "./judge-claim.ts";
import { ownerOf } from "./owner-of.ts";
import { homeOf, placeOfBoundPod } from "./place-of-bound-pod.ts";

/** Topic of what is told about a pod that waits. */
const TOPIC = "address of its own";

/** Of so many workloads at most it is remembered; then it is read anew. */
const MOST_OWNERS = 10_000;

export interface ClaimKeeperParts {
  kube: KubeClient;
  claims: ClaimWorld;
  objects: ClusterObjects;
  tokens: TokenBook;
  notices: Notices;
  latency: BindLatency;
  /** Monotonic ms. */
  monotonic: () => number;
  /** Wall clock, ms. */
  now: () => number;
  logger: Logger;
}

/**
 * Keeps claims: makes those that pods lack, says which address is whose, and ends those whose time is over. It calls no cloud: what is
 * to be bound, moved and given back there is done by the work on nodes, which goes by what is written here.
 */
export class ClaimKeeper {
  readonly #parts: ClaimKeeperParts;
  /** By the UID of what made a pod, the workload behind it. */
  readonly #owners = new Map<string, OwnerReference>();

  constructor(parts: ClaimKeeperParts) {
    this.#parts = parts;
  }

  /** One look at a claim, and at the pod of its name. @param key `namespace/name` */
  async look(key: string): Promise<WorkResult> {
    const { claims, now } = this.#parts;
    const found = claims.book.claim(key);
    const seen = claims.book.pod(key);
    if (found === undefined) return this.#lookAtNoClaim(key, seen);
    const claim = await this.#inItsSubnet(found);
    // That the watch does not show a pod proves nothing: it may be younger than what the watch has brought.
    const pod = seen ?? (isKept(claim, now()) ? undefined : await this.#findPod(key));
    const lives = pod?.needsAddress ? pod : undefined;
    const paired = await this.#pair(key, { claim, pod: lives });
    const vip = this.#vipOf(key, paired);
    const verdict = judgeClaim({
      claim: paired,
      pod: lives && { uid: lives.metadata.uid, node: lives.node },
      vip,
      isUsable: vip !== undefined && this.#isUsable(vip, key),
      wait: this.#waitOf(key, paired),
      expiresAfterMs: claims.options.expiresAfterMs,
      now: now(),
    });
    const current =
      lives === undefined
        ? await this.#withdrawNode(paired, { ended: pod, status: verdict.status })
        : await this.#keepUp(paired, lives);
    switch (verdict.act) {
      case "finish":
        if (vip !== undefined) await this.#letGo(vip, key);
        await claims.objects.finish(current);
        this.#forget(key);
        return {};
      case "release":
        await claims.objects.release(current);
        this.#parts.logger.info({ claim: key, address: current.spec.address }, "the time of a claim is over");
        return {};
      case "none":
        if (vip !== undefined) await this.#withdrawMove(vip, { key, node: lives?.node });
    }
    await claims.objects.writeStatus(current, verdict.status);
    this.#measure(key, { status: verdict.status, isPlaced: lives?.node !== undefined });
    this.#tell(key, { pod: lives, status: verdict.status });
    return verdict.dueInMs === undefined ? {} : { againInMs: verdict.dueInMs };
  }

  /** People who make a claim may name its address alone: the extender counts addresses by subnet. */
  async #inItsSubnet(claim: VpcIPClaim): Promise<VpcIPClaim> {
    const { address, subnetID } = claim.spec;
    if (address === undefined || subnetID !== undefined || claim.metadata.deletionTimestamp !== undefined)
      return claim;
    const { objects, claims } = this.#parts;
    const home = homeOf(address, objects.subnets.list());
    return home === undefined
      ? claim
      : await claims.objects.change(claim, { spec: { subnetID: home.metadata.name } });
  }

  #measure(key: string, { status, isPlaced }: { status: VpcIPClaimStatus; isPlaced: boolean }): void {
    const { latency, monotonic } = this.#parts;
    if (status.state === "Bound") latency.bound(key, monotonic());
    else if (status.state === "Pending" && isPlaced) latency.waits(key, monotonic());
    else latency.over(key);
  }

  /** Of another machine that had the node's name no pod can have it; on an ENI that goes, only one that has it. */
  #isUsable({ spec, status }: VpcIP, key: string): boolean {
    const { objects } = this.#parts;
    if (this.#isOfFormerMachine(spec)) return false;
    const isItsOwn = status?.use?.state === "InUse" && status.use.pod === key;
    return isItsOwn || objects.enis.get(spec.eniID)?.spec.intent !== "Released";
  }

  /** Whether another machine had the node's name, on whose ENI the address is: what its agent said last of pods is of former ones. */
  #isOfFormerMachine({ node, instanceID }: VpcIP["spec"]): boolean {
    const present = this.#parts.objects.configs.get(node)?.status?.instanceID;
    return present !== undefined && present !== instanceID;
  }

  #waitOf(key: string, { spec }: VpcIPClaim): ClaimWait | undefined {
    const { claims, objects } = this.#parts;
    // What the nodes have nevertheless is of a subnet that was taken away.
    const isThere = spec.address !== undefined && objects.vipOf(spec.address) !== undefined;
    const mistake = isThere ? undefined : claimMistake(spec, objects.subnets.list());
    if (mistake !== undefined) return { reason: "InvalidClaim", message: mistake };
    if (claims.options.onlyNominated && spec.address === undefined && spec.subnetID === undefined) {
      return {
        reason: "NoSubnetNamed",
        message:
          "no subnet is named for the pod, and --only-nominated-eni-subnets asks for one: make the pod anew with the annotation nominated-eni-subnets, or on a node with the label route-eni-subnet-ids",
      };
    }
    const holder = spec.address === undefined ? undefined : objects.vipOf(spec.address)?.spec.claim;
    if (holder !== undefined && holder !== key && claims.book.keeps(holder)) {
      return {
        reason: "AddressOfAnother",
        message: `the claim ${holder} has ${spec.address}: delete one of the two claims, and its pod`,
      };
    }
    return claims.waitOf(key);
  }

  /** Where people look first: at the pod that does not start. */
  #tell(key: string, { pod, status }: { pod: SlimPod | undefined; status: VpcIPClaimStatus }): void {
    const { notices } = this.#parts;
    const [name, namespace] = nameIn(key);
    const about = { apiVersion: "v1", kind: "Pod", namespace, name, ...(pod && { uid: pod.metadata.uid }) };
    const bound = status.conditions?.find(({ type }) => type === "Bound");
    const isUnderWay = bound?.reason === "Assigning" || bound?.reason === "Offered";
    if (pod?.node === undefined || bound?.status !== "False" || isUnderWay) {
      notices.over(TOPIC, about);
      return;
    }
    notices.tell(TOPIC, {
      about,
      type: "Warning",
      reason: "WaitingForAddress",
      message: `${bound.reason}: ${bound.message}`,
    });
  }

  /** Keys of claims that addresses name, of which no claim is known: nothing else would look at them. */
  strays(): string[] {
    const { claims, objects } = this.#parts;
    const named = objects.addresses
      .list()
      .flatMap(({ spec }) => (spec.claim === undefined ? [] : [spec.claim]));
    return [...new Set(named)].filter((key) => claims.book.claim(key) === undefined);
  }

  async #lookAtNoClaim(key: string, pod: SlimPod | undefined): Promise<WorkResult> {
    const { claims, objects, logger } = this.#parts;
    const [name, namespace] = nameIn(key);
    if (pod?.needsAddress && pod.node !== undefined) {
      const { policy, expiresAfterSeconds, subnetIds, address } = pod.claim;
      const { zone, subnetIDs: labelled = [] } = objects.configs.get(pod.node)?.status ?? {};
      const isFree = address !== undefined && claims.ofAddress(address) === undefined;
      const place = placeOfBoundPod({
        address: isFree ? address : undefined,
        named: subnetIds ?? labelled,
        zone,
        subnets: objects.subnets.list(),
      });
      await claims.objects.create(name, namespace, {
        policy,
        node: pod.node,
        podUID: pod.metadata.uid,
        ...place,
        ...(expiresAfterSeconds !== undefined && { expiresAfterSeconds }),
      });
      return {};
    }
    this.#forget(key);
    const named = objects.addressesFor(key);
    if (named.length === 0 || (await claims.objects.find(name, namespace)) !== undefined) return {};
    for (const vip of named) {
      logger.warn(
        { claim: key, address: addressOfVpcIp(vip.metadata.name) },
        "the claim of an address is gone",
      );
      await this.#unclaimAddress(vip, key);
    }
    return {};
  }

  #forget(key: string): void {
    this.#parts.claims.forget(key);
    this.#parts.latency.over(key);
  }

  async #findPod(key: string): Promise<SlimPod | undefined> {
    const [name, namespace] = nameIn(key);
    const pod = await this.#parts.kube.find(podResource, name, { namespace });
    return pod && slimPod(pod);
  }

  /**
   * Brings claim and addresses in line, each address at most one claim's and each claim at most one address: what a pod holds is its, unless
   * its claim keeps another.
   */
  async #pair(
    key: string,
    { claim, pod }: { claim: VpcIPClaim; pod: SlimPod | undefined },
  ): Promise<VpcIPClaim> {
    const { claims, objects } = this.#parts;
    const onItsNode = pod?.node === undefined ? [] : objects.addressesOf(pod.node);
    const held = onItsNode.find(
      (vip) =>
        isHeld(vip) &&
        vip.status?.use?.pod === key &&
        !isAnothers(vip, key) &&
        !this.#isOfFormerMachine(vip.spec),
    );
    let current = claim;
    const isOpen = claim.spec.address === undefined || claim.spec.policy === "Immediate";
    if (held !== undefined && isOpen && claim.metadata.deletionTimestamp === undefined) {
      const address = addressOfVpcIp(held.metadata.name);
      if (held.spec.claim !== key) await this.#claimAddress(held, key);
      // Another pod may have come to it meanwhile, and its claim with it.
      const isItsOwn = objects.vipOf(address)?.spec.claim === key;
      if (isItsOwn && claim.spec.address !== address) {
        current = await claims.objects.change(claim, { spec: { address, subnetID: held.spec.subnetID } });
      }
    }
    if (this.#isForfeited(key, { claim: current, pod })) {
      claims.forget(key);
      current = await claims.objects.change(current, { spec: { address: null } });
    }
    const own = current.spec.address === undefined ? undefined : objects.vipOf(current.spec.address);
    const isFree = own !== undefined && own.spec.claim === undefined && !isHeldByAnother(own, key);
    // One that goes has let go of it.
    if (isFree && claim.metadata.deletionTimestamp === undefined) {
      await this.#claimAddress(own, key);
    }
    const keeps = claim.spec.policy === "Never" && claim.metadata.deletionTimestamp === undefined;
    for (const vip of objects.addressesFor(key)) {
      const isOwn = vip.metadata.name === own?.metadata.name;
      if (isOwn && keeps) continue;
      // A pod was given it before it was this claim's.
      const isLost = (own !== undefined && !isOwn) || isHeldByAnother(vip, key);
      if (!isLost) continue;
      await this.#unclaimAddress(vip, key);
      if (isOwn && claim.metadata.deletionTimestamp === undefined) {
        current = await claims.objects.change(current, { spec: { address: null } });
      }
    }
    return current;
  }

  /** Whether somebody outside has the address of a claim that keeps nothing, and whose pod asked for none: any other will do. */
  #isForfeited(key: string, { claim, pod }: { claim: VpcIPClaim; pod: SlimPod | undefined }): boolean {
    const { address, policy } = claim.spec;
    if (address === undefined || policy === "Never" || pod === undefined || pod.claim.ownOnly) return false;
    const { claims, objects } = this.#parts;
    return objects.vipOf(address) === undefined && claims.isTaken(key);
  }

  /**
   * Whose pod has gone is wanted nowhere: the extender would keep a place on that node for as long as the claim is kept. Only where a quorum
   * read has just found no pod, or the claim's own has ended: later the node may be the next one's.
   */
  async #withdrawNode(
    claim: VpcIPClaim,
    { ended, status: { state } }: { ended: SlimPod | undefined; status: VpcIPClaimStatus },
  ): Promise<VpcIPClaim> {
    const { node, podUID } = claim.spec;
    const isNew = state === "Kept" && claim.status?.state !== "Kept";
    const isOfIt = ended === undefined || ended.metadata.uid === podUID;
    if (!isNew || !isOfIt || node === undefined) return claim;
    return this.#parts.claims.objects.change(claim, { spec: { node: null, podUID: null } });
  }

  /** Finalizer and owner, as they should be while the pod lives. */
  async #keepUp(claim: VpcIPClaim, pod: SlimPod): Promise<VpcIPClaim> {
    const { claims } = this.#parts;
    if (claim.metadata.deletionTimestamp !== undefined) return claim;
    const { ownerReferences } = claims.options;
    const owners = claim.metadata.ownerReferences ?? [];
    const owner =
      ownerReferences && claim.spec.policy === "Never" && pod.claim.owner !== undefined
        ? await this.#ownerOf(pod.claim.owner, pod.metadata.namespace)
        : undefined;
    // A workload that was made anew under its name is another: with the former one the claim would go while this one's pod lives.
    const isOwned = owner === undefined || owners.some(({ uid }) => uid === owner.uid);
    const finalizers = withFinalizer(claim);
    if (finalizers === undefined && isOwned) return claim;
    return claims.objects.change(claim, {
      ...(finalizers && { finalizers }),
      ...(!isOwned && { ownerReferences: [owner] }),
    });
  }

  /** What a ReplicaSet is of is read once. */
  async #ownerOf(maker: OwnerReference, namespace: string): Promise<OwnerReference> {
    const known = this.#owners.get(maker.uid);
    if (known !== undefined) return known;
    const owner = await ownerOf(this.#parts.kube, maker, namespace);
    if (this.#owners.size >= MOST_OWNERS) this.#owners.clear();
    this.#owners.set(maker.uid, owner);
    return owner;
  }

  #vipOf(key: string, { spec }: VpcIPClaim): VpcIP | undefined {
    return this.#parts.objects
      .addressesFor(key)
      .find(({ metadata }) => spec.address === undefined || addressOfVpcIp(metadata.name) === spec.address);
  }

  /** An address is nobody's from now on, and asked for: its agent lets it go once no pod has it and it has rested. */
  async #letGo(vip: VpcIP, key: string): Promise<void> {
    const { objects, tokens } = this.#parts;
    const reclaim = { token: tokens.issue(), mode: "when-free" } as const;
    tokens.spend(vip.spec.reclaim?.token);
    await objects.changeAddress(addressOfVpcIp(vip.metadata.name), (spec) => {
      const { claim, ...others } = spec;
      return claim === key ? { ...others, reclaim } : spec;
    });
  }

  /** Nobody wants it elsewhere any more, and its agent has not let it go. */
  async #withdrawMove(vip: VpcIP, { key, node }: { key: string; node: string | undefined }): Promise<void> {
    const { claims, objects, tokens } = this.#parts;
    const { reclaim } = vip.spec;
    // Also on the node where it is, where it is to leave one ENI for another: work on that node says so, and when that is over.
    const isAwaited = claims.waitOf(key)?.reason === WAITING_FOR_HOLDER;
    const isWanted = isAwaited || (node !== undefined && node !== vip.spec.node);
    if (reclaim?.mode !== "move" || isWanted || vip.status?.use?.state === "Reclaimable") return;
    await objects.changeAddress(addressOfVpcIp(vip.metadata.name), withoutReclaim);
    tokens.spend(reclaim.token);
  }

  /** Says that an address is for a claim, unless it has become another's. That a former claim has let it go counts no more. */
  async #claimAddress(vip: VpcIP, key: string): Promise<void> {
    const { objects, tokens } = this.#parts;
    await objects.changeAddress(addressOfVpcIp(vip.metadata.name), (spec) =>
      spec.claim === undefined ? { ...withoutReclaim(spec), claim: key } : spec,
    );
    if (objects.vipOf(addressOfVpcIp(vip.metadata.name))?.spec.claim === key)
      tokens.spend(vip.spec.reclaim?.token);
  }

  async #unclaimAddress(vip: VpcIP, key: string): Promise<void> {
    await this.#parts.objects.changeAddress(addressOfVpcIp(vip.metadata.name), (spec) => {
      const { claim, ...others } = spec;
      return claim === key ? others : spec;
    });
  }
}

function isAnothers({ spec }: VpcIP, key: string): boolean {
  return spec.claim !== undefined && spec.claim !== key;
}

function isHeldByAnother(vip: VpcIP, key: string): boolean {
  return isHeld(vip) && vip.status?.use?.pod !== key;
}

/** The finalizers of a claim with ours; undefined where it has that. */
function withFinalizer({ metadata }: VpcIPClaim): string[] | undefined {
  const finalizers = metadata.finalizers ?? [];
  return finalizers.includes(CLAIM_FINALIZER) ? undefined : [...finalizers, CLAIM_FINALIZER];
}

/** Whether a quorum read has found no pod, and nothing is to be decided on that again: a pod that comes is shown by the watch. */
function isKept(claim: VpcIPClaim, now: number): boolean {
  const { metadata, spec, status } = claim;
  if (status?.state !== "Kept" || spec.policy !== "Never" || metadata.deletionTimestamp !== undefined) {
    return false;
  }
  const expiry = expiryOf(claim);
  return expiry === undefined || expiry > now;
}
