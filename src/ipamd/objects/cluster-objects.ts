import { IPAMD_MANAGER } from "../../api/field-managers.ts";
import type { KubeObject } from "../../api/kube-object.ts";
import {
  NODE_ENI_CONFIG,
  type NodeENIConfig,
  type NodeENIConfigSpec,
  type NodeENIConfigStatus,
} from "../../api/node-eni-config.ts";
import { VPC_ENI, type VpcENI, type VpcENISpec, type VpcENIStatus } from "../../api/vpc-eni.ts";
import { CLOUD_FINALIZER, VPC_IP, type VpcIP, type VpcIPSpec, type VpcIPStatus } from "../../api/vpc-ip.ts";
import { vpcIpName } from "../../api/vpc-ip-name.ts";
import {
  VPC_SUBNET,
  type VpcSubnet,
  type VpcSubnetSpec,
  type VpcSubnetStatus,
} from "../../api/vpc-subnet.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import type { ApplyConfiguration } from "../../kube/kube-object.ts";
import type { Resource } from "../../kube/resource.ts";
import { NodeObjectCache, type NodeObjectSource, ObjectCache, type ObjectSource } from "./object-cache.ts";

const necResource: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const eniResource: Resource<VpcENI> = VPC_ENI;
const ipResource: Resource<VpcIP> = VPC_IP;
const subnetResource: Resource<VpcSubnet> = VPC_SUBNET;

/** How often an intent is written again that met a change of the object. */
const INTENT_TRIES = 4;

/** Addresses, filed by their nodes, and by the claims that they are for. */
export interface AddressSource extends NodeObjectSource<VpcIP> {
  readonly store: ObjectSource<VpcIP>["store"] & { index(name: "node" | "claim", value: string): VpcIP[] };
}

/** Where the objects come from: one watch a kind. */
export interface ObjectSources {
  configs: ObjectSource<NodeENIConfig>;
  enis: NodeObjectSource<VpcENI>;
  addresses: AddressSource;
  subnets: ObjectSource<VpcSubnet>;
}

/**
 * ipamd's side of the custom resources: reads through watches with its own writes on top, writes by server-side apply with
 * force: what it writes is its own, and a field that somebody has edited would otherwise stop the work on a node for good. Two
 * leaders are no conflict, since both write under one name: fencing keeps them apart. Nothing is sent that would change nothing.
 */
export class ClusterObjects {
  readonly configs: ObjectCache<NodeENIConfig>;
  readonly enis: NodeObjectCache<VpcENI>;
  readonly addresses: NodeObjectCache<VpcIP>;
  readonly subnets: ObjectCache<VpcSubnet>;
  readonly #kube: KubeClient;
  readonly #addresses: AddressSource;
  /** By name, the last write of an address that is under way. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(kube: KubeClient, sources: ObjectSources) {
    this.#kube = kube;
    this.configs = new ObjectCache(sources.configs);
    this.enis = new NodeObjectCache(sources.enis);
    this.addresses = new NodeObjectCache(sources.addresses);
    this.#addresses = sources.addresses;
    this.subnets = new ObjectCache(sources.subnets);
  }

  enisOf(node: string): VpcENI[] {
    return this.enis.of(node);
  }

  addressesOf(node: string): VpcIP[] {
    return this.addresses.of(node);
  }

  /** Addresses that are for a claim. @param key `namespace/name` */
  addressesFor(key: string): VpcIP[] {
    const found = [...this.#addresses.store.index("claim", key), ...this.addresses.unseen()]
      .filter(({ spec }) => spec.claim === key)
      .map(({ metadata }) => metadata.name);
    return [...new Set(found)]
      .map((name) => this.addresses.get(name))
      .filter((vip) => vip !== undefined)
      .filter(({ spec }) => spec.claim === key);
  }

  /** The object of an address. */
  vipOf(address: string): VpcIP | undefined {
    return this.addresses.get(vpcIpName(address));
  }

  /**
   * Reads all NodeENIConfigs as they are now. A new leader needs that once: its watch may be silent for a minute before it is begun anew,
   * and a status that is written as the watch shows it would lack the intent that a former leader has written since.
   */
  async readConfigs(): Promise<void> {
    for (const config of (await this.#kube.list(necResource)).items) this.configs.wrote(config);
  }

  /** Makes the NodeENIConfig of a node where it is missing; its spec is the users'. */
  async ensureConfig(node: string): Promise<NodeENIConfig> {
    const known = this.configs.get(node);
    if (known !== undefined) return known;
    const spec: NodeENIConfigSpec = {};
    return this.configs.wrote(await this.#apply(necResource, { metadata: { name: node }, spec }));
  }

  async writeConfigStatus(node: string, status: NodeENIConfigStatus): Promise<void> {
    const known = this.configs.get(node);
    if (holds(known?.status, status)) return;
    await this.#writeStatus(this.configs, necResource, { metadata: { name: node }, status });
  }

  /**
   * Writes a status with the intent to make an ENI, under the version of the object in which there was none: a leader that was
   * paused fails here, before it calls the cloud.
   *
   * @throws KubeError when the object has changed meanwhile
   */
  async writeCreating(node: string, status: NodeENIConfigStatus): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { metadata, status: before } = await this.#kube.get(necResource, node);
      if (before?.creating !== undefined) {
        throw new Error(
          `an earlier attempt to make an ENI for ${node} (${before.creating.nonce}) is not settled`,
        );
      }
      const { resourceVersion } = metadata;
      const version = { name: node, ...(resourceVersion && { resourceVersion }) };
      try {
        return await this.#writeStatus(this.configs, necResource, { metadata: version, status });
      } catch (error) {
        // The agent writes its part of the status at the same time: what was read is read again.
        if (tries === INTENT_TRIES || !(error instanceof KubeError && error.isConflict)) throw error;
      }
    }
  }

  /** Takes the intent to make an ENI out of a node's status: what became of it is known. */
  async dropCreating(node: string): Promise<void> {
    const { use: _use, creating: _creating, conditions = [], ...own } = this.configs.get(node)?.status ?? {};
    const ours = conditions.filter((condition) => condition.type === "Ready");
    await this.writeConfigStatus(node, { ...own, conditions: ours });
  }

  async writeEni(name: string, spec: VpcENISpec): Promise<void> {
    const known = this.enis.get(name);
    if (known !== undefined && Bun.deepEquals(known.spec, spec)) return;
    const metadata = { name, finalizers: [CLOUD_FINALIZER], ...uidOf(known) };
    await this.#write(this.enis, eniResource, { metadata, spec });
  }

  async writeEniStatus(name: string, cloud: NonNullable<VpcENIStatus["cloud"]>): Promise<void> {
    const before = this.enis.get(name)?.status?.cloud;
    const since = before?.state === cloud.state ? before.since : cloud.since;
    const status: VpcENIStatus = { cloud: { ...cloud, since } };
    if (holds(this.enis.get(name)?.status, status)) return;
    await this.#writeStatus(this.enis, eniResource, { metadata: { name }, status });
  }

  async writeAddress(address: string, spec: VpcIPSpec): Promise<void> {
    await this.#inTurn(vpcIpName(address), (name, known) => this.#writeAddress(name, { known, spec }));
  }

  /**
   * Changes what is said of an address, on top of what was written last: work on nodes and work on claims write to the same objects, and
   * neither may undo what the other has just said. Nothing is written of an address that has no object.
   */
  async changeAddress(address: string, change: (spec: VpcIPSpec) => VpcIPSpec): Promise<void> {
    await this.#inTurn(vpcIpName(address), async (name, known) => {
      if (known !== undefined) await this.#writeAddress(name, { known, spec: change(known.spec) });
    });
  }

  async #writeAddress(
    name: string,
    { known, spec }: { known: VpcIP | undefined; spec: VpcIPSpec },
  ): Promise<void> {
    if (known !== undefined && Bun.deepEquals(known.spec, spec)) return;
    const metadata = { name, finalizers: [CLOUD_FINALIZER], ...uidOf(known) };
    await this.#write(this.addresses, ipResource, { metadata, spec });
  }

  /** Writes of one address, one after the other; `known` is what the write before it has left. */
  async #inTurn(
    name: string,
    write: (name: string, known: VpcIP | undefined) => Promise<void>,
  ): Promise<void> {
    const before = this.#writing.get(name);
    const turn = (async () => {
      await before?.catch(() => {});
      await write(name, this.addresses.get(name));
    })();
    this.#writing.set(name, turn);
    try {
      await turn;
    } finally {
      if (this.#writing.get(name) === turn) this.#writing.delete(name);
    }
  }

  async writeAddressStatus(address: string, cloud: NonNullable<VpcIPStatus["cloud"]>): Promise<void> {
    const name = vpcIpName(address);
    const before = this.addresses.get(name)?.status?.cloud;
    if (before?.state === cloud.state) return;
    const status: VpcIPStatus = { cloud };
    await this.#writeStatus(this.addresses, ipResource, { metadata: { name }, status });
  }

  async writeSubnet(name: string, spec: VpcSubnetSpec, status: VpcSubnetStatus): Promise<void> {
    const known = this.subnets.get(name);
    if (known === undefined || !Bun.deepEquals(known.spec, spec)) {
      this.subnets.wrote(await this.#apply(subnetResource, { metadata: { name }, spec }));
    }
    await this.#writeStatus(this.subnets, subnetResource, { metadata: { name }, status });
  }

  /** Lets an address's object go: the cloud has confirmed that the address is off. */
  async dropAddress(vip: VpcIP): Promise<void> {
    await this.#drop(ipResource, vip);
    this.addresses.removed(vip);
  }

  /** Lets an ENI's object go: the cloud has confirmed that the ENI is gone. */
  async dropEni(veni: VpcENI): Promise<void> {
    await this.#drop(eniResource, veni);
    this.enis.removed(veni);
  }

  async dropConfig(config: NodeENIConfig): Promise<void> {
    await this.#drop(necResource, config);
    this.configs.removed(config);
  }

  /** Deletes that very object and takes our finalizer off it. An object that is gone already is a success. */
  async #drop<T extends KubeObject<unknown, unknown>>(resource: Resource<T>, object: T): Promise<void> {
    const { name, uid } = object.metadata;
    const current = await this.#kube.find(resource, name);
    if (uid === undefined || current === undefined || current.metadata.uid !== uid) return;
    if (current.metadata.deletionTimestamp === undefined) await this.#kube.delete(resource, name, { uid });
    if (current.metadata.finalizers?.includes(CLOUD_FINALIZER) !== true) return;
    const finalizers = current.metadata.finalizers.filter((finalizer) => finalizer !== CLOUD_FINALIZER);
    await this.#kube.mergePatch<KubeObject<unknown, unknown>>(resource, name, {
      patch: { metadata: { uid, finalizers } },
      fieldManager: IPAMD_MANAGER,
    });
  }

  /** Makes an object, or changes that very one which is known. */
  async #write<T extends KubeObject<unknown, unknown>>(
    cache: ObjectCache<T>,
    resource: Resource<T>,
    object: ApplyConfiguration<T>,
  ): Promise<void> {
    try {
      cache.wrote(await this.#apply(resource, object));
    } catch (error) {
      // Of another uid now, or gone: what we remember of it would be written again and again.
      if (error instanceof KubeError && (error.isConflict || error.isInvalid)) {
        cache.forget(object.metadata.name);
      }
      throw error;
    }
  }

  #apply<T extends KubeObject<unknown, unknown>>(
    resource: Resource<T>,
    object: ApplyConfiguration<T>,
  ): Promise<T> {
    return this.#kube.apply(resource, object, { fieldManager: IPAMD_MANAGER, force: true });
  }

  async #writeStatus<T extends KubeObject<unknown, unknown>>(
    cache: ObjectCache<T>,
    resource: Resource<T>,
    object: ApplyConfiguration<T>,
  ): Promise<void> {
    try {
      const owner = { fieldManager: IPAMD_MANAGER, force: true };
      cache.wrote(await this.#kube.applyStatus(resource, object, owner));
    } catch (error) {
      // Somebody deleted it before the watch ever brought it: what we remember of it would never go.
      if (error instanceof KubeError && (error.isNotFound || error.isConflict)) {
        cache.forget(object.metadata.name);
      }
      throw error;
    }
  }
}

/** A precondition: a new object of that name is not the one that was decided about. */
function uidOf(known: KubeObject<unknown, unknown> | undefined): { uid?: string } {
  return known?.metadata.uid === undefined ? {} : { uid: known.metadata.uid };
}

/**
 * Whether what is stored already says all that ipamd means to write, and nothing of ipamd's would have to be removed. Fields of
 * the agent (`use`, conditions of other types) do not count.
 */
function holds<S extends { use?: unknown; conditions?: readonly { type: string }[] | undefined }>(
  stored: S | undefined,
  status: S,
): boolean {
  if (stored === undefined) return false;
  const types = new Set(status.conditions?.map((condition) => condition.type));
  const { use: _, ...owned } = stored;
  const conditions = stored.conditions?.filter((condition) => types.has(condition.type)) ?? [];
  return Bun.deepEquals({ ...owned, conditions }, { ...status, conditions: status.conditions ?? [] });
}
