import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { claimMistake } from "../claims/claim-mistake.ts";
import { type ClaimWait, type ClaimWorld, WAITING_FOR_HOLDER } from "../claims/claim-world.ts";
import { mayMove, unreachableSince } from "../claims/move-proof.ts";
import { type NodeClaims, nodeClaims } from "../claims/node-claims.ts";
import type { ClaimNeed, ClaimShortage, NodeView } from "../planner/node-view.ts";
import type { ClaimFacts } from "./build-node-view.ts";
import type { NodeWorld } from "./node-world.ts";
import { shortageReadiness } from "./ready-condition.ts";
import { dropAddress } from "./sync-objects.ts";

/** What a look at a node knows of addresses elsewhere. */
interface Look {
  readonly instance: { readonly id: string };
  /** Addresses elsewhere that nobody uses there any more. */
  readonly movable: ReadonlySet<string>;
}

/** What work on nodes does for the claims of their pods, beside calls to the cloud. */
export class ClaimsOfNodes {
  readonly #world: NodeWorld;
  /** By node, keys of its claims that were told why they wait. */
  readonly #told = new Map<string, ReadonlySet<string>>();
  /** Nodes with an address on its way to them of which it is not proven yet that nobody uses it where it is. */
  readonly #unproven = new Set<string>();

  constructor(world: NodeWorld) {
    this.#world = world;
  }

  /** What the claims of its pods ask of a node; undefined where there are no claims. */
  of(node: string, { instance, movable }: Look): (NodeClaims & ClaimFacts) | undefined {
    const { claims, clock, objects } = this.#world;
    if (claims === undefined) return undefined;
    const found = this.#read(claims, node, instance.id);
    const subnets = objects.subnets.list();
    const needs = found.needs.filter(({ key, wants }) => {
      if (claims.isTaken(key)) return false;
      if (wants.kind === "named" && !this.#isSurelyAway(claims, { key, node })) return false;
      const spec = wants.kind === "move" ? undefined : claims.book.claim(key)?.spec;
      return spec === undefined || claimMistake(spec, subnets) === undefined;
    });
    const now = clock.monotonic();
    return {
      ...found,
      // Another address is of no use to a pod whose own somebody has, or nobody can give.
      demand: found.demand - (found.needs.length - needs.length),
      needs: needs.map((need) => withProof(need, movable)),
      isJustEmptied: (eniId) => claims.book.isJustEmptied(eniId, now),
    };
  }

  /**
   * Whether an address that no ENI is seen with is on none of the node's: a move whose answer was lost may have brought it there since they were
   * read, and an ENI that is full would refuse it.
   */
  #isSurelyAway(claims: ClaimWorld, { key, node }: { key: string; node: string }): boolean {
    const { objects, view } = this.#world;
    const lostAt = claims.lostAt(key);
    if (lostAt === undefined) return true;
    const unread = objects.enisOf(node).filter(({ metadata }) => !view.isReadSince(metadata.name, lostAt));
    if (unread.length > 0) this.#unproven.add(node);
    return unread.length === 0;
  }

  /** Forgets a node that is gone. */
  departed(node: string): void {
    this.#told.delete(node);
    this.#unproven.delete(node);
  }

  /** Whether an address on its way to the node waits for a proof that comes with time. */
  awaitsProof(node: string): boolean {
    return this.#unproven.has(node);
  }

  /**
   * Brings the objects of the node's claims on: a free address that is nobody's becomes that of a pod that waits; one that was promised
   * away in vain begins a new life; the agents of addresses that are wanted here are asked to let them go.
   *
   * @returns addresses elsewhere of which it is proven that nobody uses them there
   */
  async prepareMoves(node: string, instanceId: string): Promise<ReadonlySet<string>> {
    const { claims, view, clock, objects } = this.#world;
    const movable = new Set<string>();
    this.#unproven.delete(node);
    if (claims === undefined) return movable;
    for (const veni of objects.enisOf(node)) {
      const eni = view.get(veni.metadata.name);
      if (eni !== undefined) claims.book.sawEni(eni.id, eni.addresses.length, clock.monotonic());
    }
    const { needs, promised, outdated } = this.#read(claims, node, instanceId);
    for (const vip of outdated) {
      // The work on the node that it was on may be a long time in coming.
      const isOff = view.isAddressAbsent(vip.spec.eniID, addressOfVpcIp(vip.metadata.name));
      if (vip.status?.cloud?.state === "Releasing" && isOff) await dropAddress(this.#world, vip);
    }
    for (const vip of promised) {
      // Nothing was sent that would take it off, or a reading has shown that it did not.
      if (!view.isBusy(vip.spec.eniID)) await dropAddress(this.#world, vip);
    }
    if (claims.options.poolSize === 0) await this.#useFree(needs, node, instanceId);
    const waiting = new Set<string>();
    for (const { key, wants } of needs) {
      if (wants.kind !== "move") continue;
      const vip = objects.vipOf(wants.address);
      if (vip === undefined) continue;
      if (await this.#mayMove(claims, { key, vip })) {
        movable.add(wants.address);
        continue;
      }
      this.#unproven.add(node);
      waiting.add(key);
      claims.waits(key, { reason: WAITING_FOR_HOLDER, message: this.#whyHeld(claims, vip) });
      await this.#askForMove(vip);
    }
    for (const key of this.#told.get(node) ?? []) {
      if (!waiting.has(key) && claims.waitOf(key)?.reason === WAITING_FOR_HOLDER)
        claims.waits(key, undefined);
    }
    if (waiting.size > 0) this.#told.set(node, waiting);
    else this.#told.delete(node);
    return movable;
  }

  /** Says of those whose address is to come from the cloud why it does not, or that nothing is in its way. */
  tell(
    view: NodeView,
    {
      shortages,
      zone,
      subnets,
    }: { shortages: ReadonlyMap<string, ClaimShortage>; zone: string; subnets: string },
  ): void {
    const { claims } = this.#world;
    for (const { key, subnetId, wants } of view.needs ?? []) {
      // Of one that waits for its holder that is the cause, and the rest may be over by then.
      if (wants.kind === "move" && !wants.proven) continue;
      // It is tried again now and then: told until it has come.
      if (wants.kind === "named" && claims?.waitOf(key)?.reason === "AddressTaken") continue;
      const why = shortages.get(key);
      claims?.waits(key, why && waitOf(why, { view, zone, subnets, subnetId }));
    }
  }

  #read(claims: ClaimWorld, node: string, instanceId: string): NodeClaims {
    const { objects, view } = this.#world;
    return nodeClaims({
      pods: claims.book.podsOn(node),
      claimOf: (key) => claims.book.claim(key),
      keeps: (key) => claims.book.keeps(key),
      addresses: objects.addressesOf(node).filter(({ spec }) => spec.instanceID === instanceId),
      isLetGo: ({ spec }) => {
        const veni = objects.enis.get(spec.eniID);
        if (veni?.spec.intent !== "Released") return false;
        return veni.status?.use?.state === "Reclaimable" || view.isDetached(spec.eniID);
      },
      vipOf: (address) => objects.vipOf(address),
      eniOf: (address) => view.eniWith(address)?.id,
      hasPool: claims.options.poolSize > 0,
      onlyNominated: claims.options.onlyNominated,
    });
  }

  /** An address that is assigned and nobody's, such as one that was made for a pod that went away meanwhile, needs no call. */
  async #useFree(needs: readonly ClaimNeed[], node: string, instanceId: string): Promise<void> {
    const { objects } = this.#world;
    const free = objects
      .addressesOf(node)
      .filter(
        ({ spec, status }) =>
          spec.instanceID === instanceId &&
          spec.claim === undefined &&
          spec.reclaim === undefined &&
          objects.enis.get(spec.eniID)?.spec.intent === "Attached" &&
          status?.use?.state === "Free" &&
          status.cloud?.state === "Assigned",
      );
    for (const { key, subnetId, wants } of needs) {
      if (wants.kind !== "any") continue;
      const index = free.findIndex(({ spec }) => subnetId === undefined || spec.subnetID === subnetId);
      const [vip] = index < 0 ? [] : free.splice(index, 1);
      if (vip !== undefined) {
        // Somebody else may have come to it meanwhile.
        await objects.changeAddress(addressOfVpcIp(vip.metadata.name), (spec) =>
          spec.claim === undefined && spec.reclaim === undefined ? { ...spec, claim: key } : spec,
        );
      }
    }
  }

  async #mayMove({ options }: ClaimWorld, { key, vip }: { key: string; vip: VpcIP }): Promise<boolean> {
    const { view, tokens, instances, nodes, clock } = this.#world;
    const node = nodes.get(vip.spec.node);
    const isReady = node?.status?.conditions?.some(
      ({ type, status }) => type === "Ready" && status === "True",
    );
    return mayMove({
      key,
      vip,
      isTokenValid: (token) => tokens.isValid(token),
      isDetached: view.isDetached(vip.spec.eniID),
      // Of a machine that reports, the cloud is not asked.
      isDown: !isReady && (await instances.isDown(vip.spec.instanceID)),
      node,
      partitionGraceMs: options.partitionGraceMs,
      now: clock.now(),
    });
  }

  /** Once: the agent answers when its pod is gone, and the pod's link. */
  async #askForMove(vip: VpcIP): Promise<void> {
    const { objects, tokens } = this.#world;
    if (vip.spec.reclaim !== undefined) return;
    const reclaim = { token: tokens.issue(), mode: "move" } as const;
    await objects.changeAddress(addressOfVpcIp(vip.metadata.name), (spec) =>
      spec.claim === vip.spec.claim && spec.reclaim === undefined ? { ...spec, reclaim } : spec,
    );
  }

  #whyHeld({ options }: ClaimWorld, { metadata, spec, status }: VpcIP): string {
    const { nodes } = this.#world;
    const holder = nodes.get(spec.node);
    const since = holder && unreachableSince(holder);
    const what = `${addressOfVpcIp(metadata.name)} is on ${spec.node}`;
    if (since !== undefined) {
      const at = new Date(since + options.partitionGraceMs).toISOString();
      return `${what}, which cannot be reached: it moves at ${at}, or as soon as that Node has the taint node.kubernetes.io/out-of-service`;
    }
    return status?.use?.state === "InUse"
      ? `${what}, where the former pod still runs: it moves when that has ended`
      : `${what}: its agent is asked to let it go`;
  }
}

function withProof(need: ClaimNeed, movable: ReadonlySet<string>): ClaimNeed {
  const { wants } = need;
  return wants.kind === "move" ? { ...need, wants: { ...wants, proven: movable.has(wants.address) } } : need;
}

function waitOf(
  why: ClaimShortage,
  {
    view,
    zone,
    subnets,
    subnetId,
  }: { view: NodeView; zone: string; subnets: string; subnetId: string | undefined },
): ClaimWait {
  if (why === "other-zone") {
    return {
      reason: "SubnetNotInZone",
      message: `its address is of ${subnetId}, and the node is in zone ${zone}, where that subnet is not: delete the pod, and send it to a node of its zone`,
    };
  }
  if (why === "last-eni") {
    return {
      reason: "ENILimitExceed",
      message: `its address is of ${subnetId}, in which no ENI of the node has room, and the node has as many ENIs as it may, ${view.limit.enis}: delete the pod, and send it to another node of zone ${zone}`,
    };
  }
  const { reason, message } = shortageReadiness(why, { view, zone, subnets });
  return { reason, message };
}
