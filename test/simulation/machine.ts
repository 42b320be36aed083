/** A link of a network interface that the cloud has plugged into a machine. */
export interface PluggedLink {
  readonly eniId: string;
  readonly mac: string;
  readonly index: number;
  /** Addresses that the cloud routes to it. */
  readonly addresses: Set<string>;
}

/** The host's end of a pod's link. */
export interface Veth {
  readonly containerId: string;
  readonly address: string;
  /** Group of the link: the routing table of its ENI. */
  readonly table: number;
  readonly index: number;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  /** Of the pod. */
  readonly uid: string;
}

/** A sandbox of the container runtime. */
export interface SimSandbox {
  readonly id: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
  address: string | undefined;
}

/** A machine of the simulated cloud: its links, its kernel and its container runtime, without any software of ours. */
export class Machine {
  readonly instanceId: string;
  readonly nodeName: string;
  readonly zone: string;
  readonly address: string;
  bootId: string;
  isOn = true;
  /** By ENI. */
  readonly links = new Map<string, PluggedLink>();
  /** By container. */
  readonly veths = new Map<string, Veth>();
  /** Veths without a route, which are still to be deleted: an address may not be another's before. */
  readonly retired = new Map<string, Veth>();
  readonly sandboxes = new Map<string, SimSandbox>();
  /** Rules of ENIs in the kernel, which outlive the agent. */
  rules: readonly { readonly table: number; readonly number: number; readonly primaryIp: string }[] = [];
  /** Releases that plugins have put aside for an agent that was not there. */
  readonly queuedReleases: { containerId: string; ifName: string }[] = [];
  readonly #listeners = new Set<() => void>();
  #lastIndex = 2;
  #boots = 1;

  constructor(options: { instanceId: string; nodeName: string; zone: string; address: string }) {
    this.instanceId = options.instanceId;
    this.nodeName = options.nodeName;
    this.zone = options.zone;
    this.address = options.address;
    this.bootId = `boot-${options.instanceId}-1`;
  }

  /** Calls `listener` whenever a link has come, or a link or veth has gone. @returns a function that ends it */
  onLinks(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  nextIndex(): number {
    return ++this.#lastIndex;
  }

  plug(eniId: string, mac: string): void {
    this.links.set(eniId, { eniId, mac, index: this.nextIndex(), addresses: new Set() });
    this.#tell();
  }

  unplug(eniId: string): void {
    if (this.links.delete(eniId)) this.#tell();
  }

  /** Containers whose veth stands. */
  vethsSeen(): Set<string> {
    return new Set([...this.veths.keys(), ...this.retired.keys()]);
  }

  /** Its pod has no network any more; it stands until `removeVeth`. */
  retireVeth(containerId: string): void {
    const veth = this.veths.get(containerId);
    this.veths.delete(containerId);
    if (veth !== undefined) this.retired.set(containerId, veth);
  }

  removeVeth(containerId: string): void {
    const stood = this.veths.delete(containerId) || this.retired.delete(containerId);
    if (stood) this.#tell();
  }

  /** Whether the cloud routes an address to one of its links. */
  isReached(address: string): boolean {
    for (const link of this.links.values()) if (link.addresses.has(address)) return true;
    return false;
  }

  /** Its power goes: everything that ran on it is gone. */
  turnOff(): void {
    this.isOn = false;
    this.veths.clear();
    this.retired.clear();
    this.sandboxes.clear();
    this.rules = [];
    this.#tell();
  }

  turnOn(): void {
    this.isOn = true;
    this.bootId = `boot-${this.instanceId}-${++this.#boots}`;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
