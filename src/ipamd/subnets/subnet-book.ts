import type { Condition } from "../../api/condition.ts";
import type { VpcSubnetSpec, VpcSubnetStatus } from "../../api/vpc-subnet.ts";
import type { CloudReads } from "../../cloud/budget/budgeted-reads.ts";
import type { CloudHealth } from "../../cloud/budget/health.ts";
import type { Subnet } from "../../cloud/cloud-vpc.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import {
  DRAINED_CONDITION,
  drainSubnets,
  type EniInSubnet,
  type SubnetDrain,
} from "../configuration/subnet-drain.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import { isHeld } from "../objects/is-held.ts";
import type { SubnetView } from "../planner/node-view.ts";
import { cloudAccessCondition } from "./cloud-access.ts";

/** A reading that says the same is published no more often than this. */
const SAME_AGAIN_MS = 600_000;

/** How long after its last reading a full subnet is read again where nobody says. */
const FULL_AGAIN_MS = 10_000;

/** Addresses of the smallest ENI: its own and one for a pod. */
const LEAST_FREE = 2;

/** With fewer addresses left than this, each that comes or goes may decide what a node can have. */
const SCARCE = 64;

/** Where many are left, changes are read together after this time. */
const CHANGED_AGAIN_MS = 10_000;

export interface SubnetBookParts {
  cloud: Pick<CloudReads, "subnets">;
  objects: ClusterObjects;
  clock: WaitingClock;
  /** Container subnets that are configured now. */
  configured: () => readonly string[];
  health: () => CloudHealth;
  /** How long after its last reading a full subnet is read again; pods wait for what others give back. */
  fullAgainMs?: number;
}

/**
 * The subnets that pods get addresses from, with what is left in each: as last read, less what has been taken from here since.
 * Each reading is published as VpcSubnet objects; so is how far a subnet is that is no longer configured.
 */
export class SubnetBook {
  readonly #parts: SubnetBookParts;
  readonly #known = new Map<string, Subnet>();
  readonly #readAt = new Map<string, number>();
  /** When the next reading is due because addresses came or went; monotonic ms. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** Subnets in which addresses came or went since the last reading was begun. */
  #touched = new Set<string>();
  /** Those of which a reading is to be published since it is newer than that, whatever it says. */
  readonly #news = new Set<string>();

  constructor(parts: SubnetBookParts) {
    this.#parts = parts;
  }

  /**
   * Reads all subnets that are configured or have something of ours, and publishes them.
   *
   * @returns configured ids that the cloud does not know
   */
  async refresh(): Promise<string[]> {
    const { cloud, clock, configured } = this.#parts;
    this.#dueAt = Number.POSITIVE_INFINITY;
    const touched = this.#touched;
    this.#touched = new Set();
    // Once: what is configured while the reading is under way was not asked for.
    const asked = configured();
    const ids = [...new Set([...asked, ...this.#removed()])];
    const subnets: Subnet[] = [];
    try {
      for (let i = 0; i < ids.length; i += 100) subnets.push(...(await cloud.subnets(ids.slice(i, i + 100))));
    } catch (error) {
      this.#dueAt = clock.monotonic();
      this.#touched = this.#touched.union(touched);
      throw error;
    }
    for (const subnet of subnets) {
      this.#known.set(subnet.id, subnet);
      this.#readAt.set(subnet.id, clock.now());
    }
    for (const id of touched) this.#news.add(id);
    await this.publish();
    const found = new Set(subnets.map((subnet) => subnet.id));
    return asked.filter((id) => !found.has(id));
  }

  /** Writes what is known into the objects. */
  async publish(): Promise<void> {
    const { objects, configured, health, clock } = this.#parts;
    const draining = this.#isSound() ? this.#draining() : [];
    const drains = new Map(draining.map((drain) => [drain.subnetId, drain]));
    for (const id of new Set([...configured(), ...drains.keys()])) {
      const before = objects.subnets.get(id)?.status;
      const subnet = this.#lastReading(id);
      if (subnet === undefined) continue;
      const drain = drains.get(id);
      const conditions: Condition[] = [
        cloudAccessCondition(health(), { before: before?.conditions, now: clock.now() }),
        ...(drain === undefined ? [] : [drain.condition]),
      ];
      const status: VpcSubnetStatus = {
        state: drain?.state ?? "Active",
        ...subnet.counts,
        conditions,
      };
      // Who counts what came after a reading must know of the newer one, also where as many came as went.
      if (saysTheSame(before, status) && !this.#news.has(id)) continue;
      const isNews = this.#news.delete(id);
      try {
        await objects.writeSubnet(id, subnet.spec, status);
      } catch (error) {
        if (isNews) this.#news.add(id);
        throw error;
      }
    }
  }

  /** What was read last; by a former leader where this one has read nothing yet: what is in its way belongs beside it. */
  #lastReading(
    id: string,
  ): { spec: VpcSubnetSpec; counts: Omit<VpcSubnetStatus, "state" | "conditions"> } | undefined {
    const subnet = this.#known.get(id);
    const readAt = this.#readAt.get(id);
    if (subnet !== undefined && readAt !== undefined) {
      const { vpcId: vpcID, zone, cidr, total, free } = subnet;
      return { spec: { vpcID, zone, cidr }, counts: { total, free, readAt: new Date(readAt).toISOString() } };
    }
    const object = this.#parts.objects.subnets.get(id);
    if (object?.status === undefined) return undefined;
    const { state: _state, conditions: _conditions, ...counts } = object.status;
    return { spec: object.spec, counts };
  }

  /** Whether another reading is due: addresses were taken or given back since the last one, or others may have given some back. */
  hasChanged(): boolean {
    const { clock, fullAgainMs = FULL_AGAIN_MS } = this.#parts;
    const now = clock.now();
    return (
      clock.monotonic() >= this.#dueAt ||
      this.full().some((id) => now - (this.#readAt.get(id) ?? 0) >= fullAgainMs)
    );
  }

  /** Configured subnets in which no ENI with an address can be made. */
  full(): string[] {
    return this.#parts.configured().filter((id) => (this.#known.get(id)?.free ?? LEAST_FREE) < LEAST_FREE);
  }

  /** Subnets of a zone; new ENIs may be made in those that are configured and, where some are named, among these. */
  ofZone(zone: string, named?: readonly string[]): SubnetView[] {
    const configured = this.#parts.configured();
    return [...this.#known.values()]
      .filter((subnet) => subnet.zone === zone)
      .map(({ id, free }) => ({
        id,
        free,
        forNewEnis: configured.includes(id) && (named?.includes(id) ?? true),
      }));
  }

  /** Whether a subnet was taken out of the configuration: what is in it empties and goes. */
  isDraining(id: string): boolean {
    return !this.#parts.configured().includes(id) && this.#isSound();
  }

  /** Whether the cloud knows every configured subnet: one that it does not may be a mistyped id of one that is to stay. */
  #isSound(): boolean {
    return this.#parts.configured().every((id) => this.#known.has(id));
  }

  /** A subnet by id, also one that is not configured (any more) but has an ENI of ours. */
  async get(id: string): Promise<Subnet | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const [subnet] = await this.#parts.cloud.subnets([id]);
    if (subnet === undefined) return undefined;
    this.#known.set(id, subnet);
    this.#readAt.set(id, this.#parts.clock.now());
    return subnet;
  }

  /** Counts addresses that were just taken, until the next reading. */
  took(id: string, count: number): void {
    const subnet = this.#known.get(id);
    if (subnet === undefined) return;
    const free = Math.max(0, subnet.free - count);
    this.#known.set(id, { ...subnet, free });
    this.#noteChange(id, free);
  }

  /** Addresses are on their way back: how many there are is read soon, the sooner where few are left. */
  gaveBack(id: string): void {
    const subnet = this.#known.get(id);
    if (subnet !== undefined) this.#noteChange(id, subnet.free);
  }

  /**
   * Addresses have got their objects. The last reading may show the addresses already, and is older than the objects: who counts what is newer
   * than a reading would count them twice until another one is published.
   */
  named(id: string): void {
    const subnet = this.#known.get(id);
    if (subnet !== undefined) this.#noteChange(id, subnet.free);
  }

  #noteChange(id: string, free: number): void {
    this.#touched.add(id);
    const pauseMs = free < SCARCE ? 0 : CHANGED_AGAIN_MS;
    this.#dueAt = Math.min(this.#dueAt, this.#parts.clock.monotonic() + pauseMs);
  }

  /** The cloud refused for lack of addresses: takes nothing more from it until the next reading. */
  exhausted(id: string): void {
    this.took(id, Number.POSITIVE_INFINITY);
  }

  /** Subnets that have an object or an ENI of ours, and are not configured. */
  #removed(): Set<string> {
    const { objects, configured } = this.#parts;
    const used = new Set([
      ...objects.subnets.list().map(({ metadata }) => metadata.name),
      ...objects.enis.list().map(({ spec }) => spec.subnetID),
    ]);
    return used.difference(new Set(configured()));
  }

  #draining(): SubnetDrain[] {
    // Every address is counted for this: only where it is needed.
    if (this.#removed().size === 0) return [];
    const { objects, configured, clock } = this.#parts;
    const addresses = Map.groupBy(objects.addresses.list(), (vip) => vip.spec.eniID);
    return drainSubnets({
      configured: configured(),
      known: objects.subnets.list().map(({ metadata, status }) => ({
        id: metadata.name,
        drained: status?.conditions?.find(({ type }) => type === DRAINED_CONDITION),
      })),
      enis: objects.enis.list().map(({ metadata, spec }): EniInSubnet => {
        const vips = addresses.get(metadata.name) ?? [];
        return {
          subnetId: spec.subnetID,
          node: spec.node,
          addresses: vips.length,
          inUse: vips.filter(isHeld).length,
        };
      }),
      now: clock.now(),
    });
  }
}

function saysTheSame(before: VpcSubnetStatus | undefined, status: VpcSubnetStatus): boolean {
  if (before?.readAt === undefined || status.readAt === undefined) return false;
  const { readAt: then, ...old } = before;
  const { readAt: now, ...fresh } = status;
  return Bun.deepEquals(old, fresh) && Date.parse(now) - Date.parse(then) < SAME_AGAIN_MS;
}
