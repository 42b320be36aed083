import type { Clock } from "../../api/clock.ts";
import type { CloudVpc, Subnet } from "../../cloud/cloud-vpc.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import type { SubnetView } from "../planner/node-view.ts";

/**
 * The subnets that pods get addresses from, with what is left in each: as last read, less what has been taken from here since.
 * Each reading is published as VpcSubnet objects.
 */
export class SubnetBook {
  readonly #cloud: CloudVpc;
  readonly #objects: ClusterObjects;
  readonly #clock: Clock;
  /** Ids that new ENIs may use. */
  readonly #ids: readonly string[];
  readonly #known = new Map<string, Subnet>();
  #changed = false;

  constructor(options: { cloud: CloudVpc; objects: ClusterObjects; clock: Clock; ids: readonly string[] }) {
    this.#cloud = options.cloud;
    this.#objects = options.objects;
    this.#clock = options.clock;
    this.#ids = options.ids;
  }

  /**
   * Reads all subnets and publishes them.
   *
   * @returns ids that the cloud does not know
   */
  async refresh(): Promise<string[]> {
    this.#changed = false;
    const subnets = await this.#cloud.subnets(this.#ids);
    for (const subnet of subnets) this.#known.set(subnet.id, subnet);
    const readAt = new Date(this.#clock.now()).toISOString();
    for (const subnet of subnets) {
      await this.#objects.writeSubnet(
        subnet.id,
        { vpcID: subnet.vpcId, zone: subnet.zone, cidr: subnet.cidr },
        { state: "Active", total: subnet.total, free: subnet.free, readAt },
      );
    }
    const found = new Set(subnets.map((subnet) => subnet.id));
    return this.#ids.filter((id) => !found.has(id));
  }

  /** Whether addresses were taken or given back since the last reading. */
  hasChanged(): boolean {
    return this.#changed;
  }

  /** Subnets of a zone that new ENIs may use. */
  usable(zone: string): SubnetView[] {
    return this.#ids
      .map((id) => this.#known.get(id))
      .filter((subnet) => subnet?.zone === zone)
      .map((subnet) => ({ id: subnet?.id ?? "", free: subnet?.free ?? 0 }));
  }

  /** A subnet by id, also one that is not configured (any more) but has an ENI of ours. */
  async get(id: string): Promise<Subnet | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const [subnet] = await this.#cloud.subnets([id]);
    if (subnet !== undefined) this.#known.set(id, subnet);
    return subnet;
  }

  /** Counts addresses that were just taken, until the next reading. */
  took(id: string, count: number): void {
    this.#changed = true;
    const subnet = this.#known.get(id);
    if (subnet !== undefined) this.#known.set(id, { ...subnet, free: Math.max(0, subnet.free - count) });
  }

  /** Addresses are on their way back: how many there are is read soon. */
  gaveBack(id: string): void {
    if (this.#known.has(id)) this.#changed = true;
  }

  /** The cloud refused for lack of addresses: takes nothing more from it until the next reading. */
  exhausted(id: string): void {
    this.took(id, Number.POSITIVE_INFINITY);
  }
}
