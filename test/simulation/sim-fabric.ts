import { type Drops, type Fabric, noFabric, type Plug } from "../../src/sim/fabric/fabric.ts";
import type { Machine } from "./machine.ts";

/** What the network of the cloud has done. */
export type FabricEvent =
  | {
      readonly kind: "plug" | "unplug";
      readonly machine: Machine;
      readonly eniId: string;
      readonly addresses: readonly string[];
    }
  | {
      readonly kind: "assign" | "unassign";
      readonly machine: Machine;
      readonly eniId: string;
      readonly addresses: readonly string[];
    };

/** The network of the simulated cloud: links appear in machines, and addresses lead to links. */
export class SimFabric implements Fabric {
  readonly machines = new Map<string, Machine>();
  readonly #holders = new Map<string, Machine>();
  readonly #tell: (event: FabricEvent) => void;

  /** @param tell called with what is about to happen to a link that pods may use, before it does */
  constructor(tell: (event: FabricEvent) => void) {
    this.#tell = tell;
  }

  async plug({ eniId, instanceId, mac, device }: Plug): Promise<void> {
    const machine = this.machines.get(instanceId);
    // A primary one is the machine's own affair.
    if (machine === undefined || device !== undefined) return;
    this.#holders.set(eniId, machine);
    this.#tell({ kind: "plug", machine, eniId, addresses: [] });
    machine.plug(eniId, mac);
  }

  async unplug(eniId: string): Promise<void> {
    const machine = this.#holders.get(eniId);
    const link = machine?.links.get(eniId);
    if (machine === undefined || link === undefined) return;
    this.#tell({ kind: "unplug", machine, eniId, addresses: [...link.addresses] });
    this.#holders.delete(eniId);
    machine.unplug(eniId);
  }

  async assign(eniId: string, addresses: readonly string[]): Promise<void> {
    const machine = this.#holders.get(eniId);
    const link = machine?.links.get(eniId);
    if (machine === undefined || link === undefined) return;
    for (const address of addresses) link.addresses.add(address);
    this.#tell({ kind: "assign", machine, eniId, addresses });
  }

  async unassign(eniId: string, addresses: readonly string[]): Promise<void> {
    const machine = this.#holders.get(eniId);
    const link = machine?.links.get(eniId);
    if (machine === undefined || link === undefined) return;
    this.#tell({ kind: "unassign", machine, eniId, addresses });
    for (const address of addresses) link.addresses.delete(address);
  }

  setAsymmetricOutside(on: boolean): Promise<void> {
    return noFabric.setAsymmetricOutside(on);
  }

  drops(): Promise<Drops> {
    return noFabric.drops();
  }
}
