/** What ipamd needs of a VPC. Every method rejects with a `CloudError`; none repeats a call by itself. */
export interface CloudVpc {
  /** Instances by id, any number of them: asked for a hundred a call. Unknown ids are absent from the answer. */
  instancesById(ids: readonly string[]): Promise<Instance[]>;
  /** The instance whose primary ENI has that private address, in the VPC given. */
  instanceByAddress(vpcId: string, address: string): Promise<Instance | undefined>;
  /** Subnets by id (at most 100). Unknown ids are absent from the answer. */
  subnets(ids: readonly string[]): Promise<Subnet[]>;
  /** How many ENIs and addresses the instance may have. */
  interfaceLimit(instanceId: string): Promise<InterfaceLimit>;
  /** ENIs by id (at most 100). Unknown ids are absent from the answer. */
  interfacesById(ids: readonly string[]): Promise<Eni[]>;
  /**
   * All ENIs that carry the tag, a hundred a call.
   *
   * @param paced makes each of these calls when it is their turn; without it they follow each other at once
   */
  interfacesByTag(tag: Tag, paced?: Paced): Promise<Eni[]>;
  /** How many ENIs the VPCs of this region may have, each; undefined if the cloud does not say. */
  vpcEniLimit(): Promise<number | undefined>;
  /** Makes an ENI with secondary addresses and attaches it; the answer is an ENI that is not there yet (`pending`). */
  createAndAttach(request: CreateAttachedEni): Promise<Eni>;
  /** Makes an ENI with secondary addresses on no instance; it can be attached once it is read as `available`. */
  create(request: CreateEni): Promise<Eni>;
  /** Starts to attach an ENI to a running or stopped instance of its zone; done when it is read with the attachment. */
  attach(eniId: string, instanceId: string): Promise<void>;
  /** Starts to detach; done when the ENI is read without attachment. */
  detach(eniId: string, instanceId: string): Promise<void>;
  /** Starts to delete a detached ENI with all its addresses; done when it is no longer read. */
  remove(eniId: string): Promise<void>;
  /**
   * Starts to assign that many more secondary addresses; done when they are read as `available`.
   * @returns those, as far as the answer names them
   */
  assign(eniId: string, count: number): Promise<readonly string[]>;
  /**
   * Starts to assign these secondary addresses of the ENI's subnet (1 to 10), all or none; done when they are read as `available`.
   * Rejects as `address-taken` where somebody has one of them, this ENI itself included: an earlier call of which the answer was lost
   * may have assigned it.
   */
  assignAddresses(eniId: string, addresses: readonly string[]): Promise<void>;
  /**
   * Starts to move a secondary address to another ENI of the same subnet; either may be attached or not. Once it is accepted, what is
   * sent from the address on the ENI `from` is dropped; done when the address is read as `available` on the ENI `to`. An ENI with
   * something under way refuses (`retry-later`), be it the one or the other; a full one to go to as `quota`.
   *
   * Rejects as `done-already` where the ENI `from` does not have the address: it has been moved, or it was never there, or one of the
   * ENIs is gone. Only a reading tells which.
   */
  migrate(address: string, { from, to }: { from: string; to: string }): Promise<void>;
  /** Starts to take secondary addresses off an ENI (at most 10); done when they are no longer read. */
  unassign(eniId: string, addresses: readonly string[]): Promise<void>;
  /** Sets tags (1 to 10) of an ENI, replacing the values of keys that it has; other keys stay. */
  retag(eniId: string, tags: readonly Tag[]): Promise<void>;
}

/** Makes a call when it may be made, and answers what it answers. */
export type Paced = <T>(call: () => Promise<T>) => Promise<T>;

export interface Tag {
  key: string;
  value: string;
}

export interface Instance {
  id: string;
  type: string;
  zone: string;
  vpcId: string;
  subnetId: string;
  /** Addresses of the primary ENI. */
  privateAddresses: readonly string[];
  securityGroupIds: readonly string[];
  state: "running" | "stopped" | "terminated" | "changing";
}

export interface Subnet {
  id: string;
  vpcId: string;
  zone: string;
  cidr: string;
  /** Addresses it can give in all, and those left at the time of reading. */
  total: number;
  free: number;
}

/** Both counts include the primary ENI and the primary address. */
export interface InterfaceLimit {
  enis: number;
  addressesPerEni: number;
}

export interface Eni {
  id: string;
  name: string;
  mac: string;
  vpcId: string;
  subnetId: string;
  zone: string;
  /** Primary ENI of an instance: never ours to touch. */
  primary: boolean;
  state: "pending" | "available" | "attaching" | "detaching" | "deleting";
  /** Set once attached, and until detached. */
  instanceId?: string;
  primaryAddress: string;
  /** Secondary addresses. */
  addresses: readonly EniAddress[];
  tags: readonly Tag[];
}

export interface EniAddress {
  address: string;
  state: "pending" | "available" | "migrating" | "deleting";
}

export interface CreateEni {
  /** At most 60 characters. */
  name: string;
  /** Makes the call idempotent on the cloud's side. */
  clientToken: string;
  vpcId: string;
  subnetId: string;
  securityGroupIds: readonly string[];
  /** Secondary addresses to be made with it. */
  addresses: number;
  tags: readonly Tag[];
}

export interface CreateAttachedEni extends CreateEni {
  instanceId: string;
}
