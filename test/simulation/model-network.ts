import type { CoreNetwork } from "../../src/agent/agent-core.ts";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import type { EniOnNode, NetworkView } from "../../src/agent/links/node-network.ts";
import { numberEnis } from "../../src/agent/links/number-enis.ts";
import { awaitsVeths } from "../../src/agent/pool/cool-down.ts";
import type { Pool } from "../../src/agent/pool/pool.ts";
import type { AgentMemory, StoredEni } from "../../src/agent/store/agent-store.ts";
import type { WaitingClock } from "../../src/time/waiting-clock.ts";
import type { Machine } from "./machine.ts";

export interface ModelNetworkWorld {
  readonly machine: Machine;
  readonly clock: WaitingClock;
  readonly pool: Pool;
  readonly store: AgentMemory;
  /** Milliseconds that setting up a link takes. */
  readonly setUpMs: () => number;
}

/** How long the kernel's veths are not read although a release waits for that. */
const READ_MS = 50;
/** How often everything is read although nothing was told. */
const PERIOD_MS = 10_000;

/** The links of a node as the agent keeps them: a model of NodeNetwork without a kernel, with its numbering. */
export class ModelNetwork implements CoreNetwork {
  readonly #world: ModelNetworkWorld;
  readonly #listeners = new Set<(view: NetworkView) => void>();
  readonly #stopping = new AbortController();
  #enis: StoredEni[];
  #wanted: readonly EniSpec[] | undefined;
  #view: NetworkView = { primary: undefined, enis: [], problem: undefined };
  #passing = false;
  #reading = false;

  constructor(world: ModelNetworkWorld) {
    this.#world = world;
    this.#enis = world.store.enis();
  }

  get view(): NetworkView {
    return this.#view;
  }

  subscribe(listener: (view: NetworkView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setWanted(wanted: readonly EniSpec[]): void {
    this.#wanted = wanted;
    this.request();
  }

  setInternalIp(): void {}

  /** The table of an ENI that works; undefined while its link is missing. */
  tableOf(eniId: string): number | undefined {
    return this.#view.enis.find((eni) => eni.eniId === eniId && eni.ifName !== undefined)?.table;
  }

  readSoon(): void {
    if (this.#reading) return;
    this.#reading = true;
    void this.#world.clock.sleep(READ_MS, this.#stopping.signal).then(() => {
      this.#reading = false;
      this.#readVeths();
    });
  }

  /** The stored ENIs are set up; then it goes on by itself until `stop`. */
  start(): void {
    this.#pass();
    void this.#keep();
  }

  /** A link has come or gone, or a veth has gone. */
  request(): void {
    if (awaitsVeths(this.#world.pool.state)) this.readSoon();
    if (this.#passing) return;
    this.#passing = true;
    const { clock, setUpMs } = this.#world;
    void clock.sleep(setUpMs(), this.#stopping.signal).then(() => {
      this.#passing = false;
      if (!this.#stopping.signal.aborted) this.#pass();
    });
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#world.clock.sleep(PERIOD_MS, signal);
      if (signal.aborted) return;
      this.#pass();
      this.#readVeths();
    }
  }

  #readVeths(): void {
    const { machine, clock, pool } = this.#world;
    if (this.#stopping.signal.aborted || !awaitsVeths(pool.state)) return;
    const containerIds = machine.vethsSeen();
    pool.take({ type: "veths-read", containerIds, readAt: clock.monotonic() });
  }

  #pass(): void {
    const { machine, pool, store } = this.#world;
    const linkOf = (mac: string) => [...machine.links.values()].find((link) => link.mac === mac);
    const groups = new Set([...machine.veths.values()].map(({ table }) => table));
    const { enis, saved, forgotten } = numberEnis(this.#enis, {
      wanted: this.#wanted,
      indexOf: (mac) => linkOf(mac)?.index,
      isHeld: ({ eniId, table }) =>
        groups.has(table) ||
        [...pool.state.addresses.values()].some(
          (r) => r.eniId === eniId && (r.holding.kind === "in-use" || r.holding.kind === "cooling-down"),
        ),
    });
    for (const eniId of forgotten) store.forgetEni(eniId);
    for (const eni of saved) store.saveEni(eni);
    this.#enis = enis;
    machine.rules = enis;
    const all = new Map([...(this.#wanted ?? []), ...enis].map((eni) => [eni.eniId, eni]));
    const seen = [...all.values()].map(({ eniId, mac }): EniOnNode => {
      const link = linkOf(mac);
      const table = enis.find((eni) => eni.eniId === eniId)?.table;
      if (link === undefined) return { eniId, mac, state: "NoLink", table };
      return {
        eniId,
        mac,
        state: table === undefined ? "NoLink" : "Ready",
        ifName: `eth${link.index}`,
        mtu: 1500,
        table,
      };
    });
    this.#show({ primary: undefined, enis: seen, problem: undefined });
  }

  #show(view: NetworkView): void {
    const { pool } = this.#world;
    const before = this.#view;
    this.#view = view;
    const ready = new Set(view.enis.filter((eni) => eni.state === "Ready").map((eni) => eni.eniId));
    if (ready.symmetricDifference(pool.state.readyEnis).size > 0) {
      pool.take({ type: "enis-ready", eniIds: ready });
    }
    if (!Bun.deepEquals(before, view)) for (const listener of this.#listeners) listener(view);
  }
}
