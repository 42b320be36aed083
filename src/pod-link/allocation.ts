import type { IpAddress, IpPrefix } from "../netlink/ip-address.ts";

/** What an attachment was given. */
export interface Allocation {
  /** One or more, of either family. */
  readonly addresses: readonly AllocatedAddress[];
  /** Group of the host end of the pod's veth. */
  readonly group: number;
  /** Routing table of the host's routes to pods. */
  readonly podsTable: number;
  readonly mtu: number;
  /** Where the pod's routes lead to; undefined: everywhere. */
  readonly destinations?: readonly IpPrefix[];
}

export interface AllocatedAddress {
  readonly address: IpAddress;
  /** Source of the host's route to the pod; undefined: the kernel's choice. */
  readonly nodeAddress: IpAddress | undefined;
}
