/** A subnet that pods get addresses from, as its VpcSubnet says. */
export interface SubnetView {
  readonly id: string;
  readonly zone: string;
  /** New addresses are taken from it. */
  readonly active: boolean;
  /** Addresses left when the cloud was read; undefined while that is not known. */
  readonly free: number | undefined;
  /** When that was, wall clock, ms. */
  readonly readAt: number;
}

/** An ENI of a node. */
export interface EniView {
  readonly subnetId: string;
  /** Secondary addresses that the cloud has on it. */
  readonly addresses: number;
}

/** A node that may have addresses, as its NodeENIConfig says. */
export interface NodeView {
  readonly name: string;
  readonly zone: string;
  /** Container subnets that its label names; empty: it names none. */
  readonly labelled: readonly string[];
  readonly enis: readonly EniView[];
  /** What quota and annotations allow. */
  readonly limit: {
    readonly enis: number;
    readonly addressesPerEni: number;
    readonly addresses: number;
  };
  /** It is to have no ENIs. */
  readonly disabled: boolean;
}

/** An address that is bound, as its VpcIP says. */
export interface AddressView {
  readonly address: string;
  readonly subnetId: string;
  readonly node: string;
  /** `namespace/name` of the pod that it is for; undefined: for any. */
  readonly claim: string | undefined;
  /** Wall clock, ms. */
  readonly createdAt: number;
}

/** Whose an address is to be, as a VpcIPClaim says. */
export interface ClaimView {
  /** `namespace/name`, which are those of its pod. */
  readonly key: string;
  readonly subnetId: string;
  /** Undefined until ipamd has one. */
  readonly address: string | undefined;
  /** Where its pod was sent last. */
  readonly node: string | undefined;
}

/** A pod that was let pass by filter and has not been bound yet: it may take an address of any of these. */
export interface Reservation {
  readonly podUid: string;
  readonly nodes: ReadonlySet<string>;
  readonly subnets: ReadonlySet<string>;
  /** Wall clock, ms. */
  readonly expiresAt: number;
}

/** Everything that a decision rests on. */
export interface World {
  readonly subnets: ReadonlyMap<string, SubnetView>;
  readonly nodes: ReadonlyMap<string, NodeView>;
  /** By address. */
  readonly addresses: ReadonlyMap<string, AddressView>;
  readonly claims: ReadonlyMap<string, ClaimView>;
  readonly reservations: readonly Reservation[];
  /** Subnets that are configured, and none that only a pod may name (`--only-nominated-eni-subnets`: empty). */
  readonly configured: readonly string[];
}

/** A pod that needs an address, as far as a decision goes. */
export interface PodView {
  readonly key: string;
  readonly uid: string;
  /** Subnets that it names itself; empty: it names none. */
  readonly nominated: readonly string[];
}
