/** A link of a network interface, as it is to appear in a machine. */
export interface Plug {
  readonly eniId: string;
  readonly instanceId: string;
  readonly mac: string;
  /** Path of the machine's network namespace. */
  readonly netns: string;
  /** The link's name there; where it is absent, the first of eth1, eth2, … that is free. */
  readonly device?: string;
}

/** Packets that were dropped because their source may not be sent from where they came. */
export interface Drops {
  /** Since the start. */
  readonly total: number;
  /** By where they came from, of the last hour. */
  readonly bySource: readonly DropsOfSource[];
}

export interface DropsOfSource {
  /** The VPC's end of the link that they came by. */
  readonly link: string;
  /** Absent where the link is not that of a network interface any more. */
  readonly instanceId?: string;
  readonly eniId?: string;
  readonly source: string;
  readonly packets: number;
}

/** What makes true in the network what the cloud says. The calls for one network interface come one after the other. */
export interface Fabric {
  /**
   * Makes the link of a network interface appear in its machine, down and without addresses, as a hot-plugged one is.
   * A namespace that does not exist is an error.
   */
  plug(plug: Plug): Promise<void>;
  /** Takes the link away, and with it its addresses. One that died with its machine is gone already: no error. */
  unplug(eniId: string): Promise<void>;
  /** From now on the addresses are reached by the link and may be sent from it. */
  assign(eniId: string, addresses: readonly string[]): Promise<void>;
  /** From now on they are neither. */
  unassign(eniId: string, addresses: readonly string[]): Promise<void>;
  /**
   * Whether what peers outside the VPC's blocks send to an address of a secondary network interface comes in by its machine's
   * primary one, as in the cloud. What the machine sends to them is taken from either.
   */
  setAsymmetricOutside(on: boolean): Promise<void>;
  /** What was dropped. */
  drops(): Promise<Drops>;
}

/** The network of a cloud that has none: the API alone. */
export const noFabric: Fabric = {
  plug: async () => {},
  unplug: async () => {},
  assign: async () => {},
  unassign: async () => {},
  setAsymmetricOutside: async () => {},
  drops: async () => ({ total: 0, bySource: [] }),
};
