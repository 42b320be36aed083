import type { Drops, Fabric, Plug } from "./fabric/fabric.ts";

/** A network that writes down what it is told, for specs; and fails where it is told to. */
export class RecordingFabric implements Fabric {
  /** One sentence a call, `plug eni-k3v9x0ab`. */
  readonly acts: string[] = [];
  /** Calls whose sentence begins so fail. */
  failing: string | undefined;

  async plug({ eniId }: Plug): Promise<void> {
    this.#record(`plug ${eniId}`);
  }

  async unplug(eniId: string): Promise<void> {
    this.#record(`unplug ${eniId}`);
  }

  async assign(eniId: string, addresses: readonly string[]): Promise<void> {
    this.#record(`assign ${eniId} ${addresses.join(" ")}`);
  }

  async unassign(eniId: string, addresses: readonly string[]): Promise<void> {
    this.#record(`unassign ${eniId} ${addresses.join(" ")}`);
  }

  async setAsymmetricOutside(on: boolean): Promise<void> {
    this.#record(`asymmetric outside ${on}`);
  }

  async drops(): Promise<Drops> {
    return { total: 1, bySource: [{ link: "eni-0000000a", source: "10.0.16.200", packets: 1 }] };
  }

  #record(act: string): void {
    if (this.failing !== undefined && act.startsWith(this.failing)) {
      throw new Error(`cannot ${act}`);
    }
    this.acts.push(act);
  }
}
