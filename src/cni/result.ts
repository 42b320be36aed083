/** An interface that a plugin made. */
export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  /** Path of the namespace; absent for an interface of the host. */
  readonly sandbox?: string;
  /** The rest is told from version 1.1.0 on. */
  readonly mtu?: number;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultAddress {
  /** With its prefix length: `10.0.16.5/32`. */
  readonly address: string;
  readonly gateway?: string;
  /** Place in the list of interfaces; absent in the result of an IPAM plugin. */
  readonly interface?: number;
}

export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string;
  /** The rest is the specification's from version 1.1.0 on; the stock plugins read and tell it in every version. */
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export interface ResultDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** What an ADD gives, before it is put into the words of a version. An IPAM plugin makes no interfaces. */
export interface Result {
  readonly interfaces?: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns?: ResultDns;
}
