import { AgentCore } from "../../src/agent/agent-core.ts";
import type { Sandbox } from "../../src/agent/cri/container-runtime.ts";
import { BoundPods } from "../../src/agent/kubelet/bound-pods.ts";
import { NodeStatus } from "../../src/agent/kubelet/node-status.ts";
import { OFFER_TIMING, SlotOffer } from "../../src/agent/kubelet/slot-offer.ts";
import { NotAllocatedError, type Pool } from "../../src/agent/pool/pool.ts";
import type { KernelReading } from "../../src/agent/recovery/read-kernel.ts";
import type { OpenedMemory } from "../../src/agent/store/open-store.ts";
import { MARK_MASK, MARK_SHIFT, PODS_TABLE } from "../../src/api/data-path.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import type { Logger } from "../../src/kube/logger.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import { hostPrefix, parseIpAddress } from "../../src/netlink/ip-address.ts";
import type { VirtualClock } from "../../src/time/testing/virtual-clock.ts";
import type { Dice } from "./dice.ts";
import type { AgentEnd, GivenAddress, Kubelet } from "./kubelet.ts";
import type { Machine } from "./machine.ts";
import { ModelNetwork } from "./model-network.ts";
import type { SimProcess } from "./sim-process.ts";

export interface AgentProcessWorld {
  readonly process: SimProcess;
  readonly machine: Machine;
  readonly kubelet: () => Kubelet;
  readonly transport: KubeTransport;
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly logger: Logger;
  /** Count that this node's agent offered last, be it an earlier life or one that still serves. */
  readonly announced: () => number;
  /** Resolves with the store when nobody else has it. */
  readonly ownStore: () => Promise<OpenedMemory>;
  readonly coolDownMs: number;
  /** The process cannot go on. */
  readonly onFatal: (error: unknown) => void;
}

/** Patience of the plugin, and of the agent with it. */
const ADD_MS = 30_000;
const WAIT_MS = 29_000;
const DEL_MS = 10_000;
const QUEUE_MS = 5_000;
/** The end of the offer is not put off for longer. */
const DRAIN_MS = 20_000;

/**
 * One life of a node's agent: the real core and the real offer of slots, with a model of links, kubelet and container runtime
 * around them.
 */
export class AgentProcess implements AgentEnd {
  readonly #world: AgentProcessWorld;
  readonly #core: AgentCore;
  readonly #offer: SlotOffer;
  readonly #stopping = new AbortController();
  readonly #draining = new AbortController();
  readonly #ended = new Set<() => void>();
  #network: ModelNetwork | undefined;
  #registered = false;
  /** When the last list of slots reaches the kubelet. */
  #sent = 0;

  constructor(world: AgentProcessWorld) {
    this.#world = world;
    const { process, machine, kubelet, transport, dice, logger } = world;
    const { clock } = process;
    const random = dice.next;
    const kube = createKubeClient(transport);
    const { nodeName } = machine;
    this.#core = new AgentCore(
      {
        transport,
        kube,
        clock,
        random,
        logger,
        runtime: {
          listSandboxes: () =>
            this.#asked(() => [...machine.sandboxes.values()].map((s): Sandbox => ({ ...s, ready: true }))),
          addressesOf: (id) =>
            this.#asked(() => {
              const address = machine.sandboxes.get(id)?.address;
              return address === undefined ? [] : [address];
            }),
          // A runtime that tells of nothing: lists alone must do.
          async *removals(signal) {
            await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          },
        },
        readKernel: () => kernelOf(machine),
        veths: () => machine.vethsSeen(),
        onFatal: world.onFatal,
      },
      { nodeName, coolDownMs: world.coolDownMs },
    );
    this.#offer = new SlotOffer({
      announced: world.announced,
      isWatched: () => this.#registered,
      send: (slots) => this.#toKubelet(() => this.#registered && kubelet().offered(slots)),
      devices: {
        held: () => this.#asked(() => new Map(kubelet().held)),
        known: () => this.#asked(() => kubelet().slots),
      },
      knowsItsPods: () => true,
      nodeStatus: new NodeStatus({ client: kube, nodeName, clock, random, logger }),
      boundPods: new BoundPods({ client: kube, nodeName, clock, random, logger }),
      clock,
      random,
      logger,
      timing: OFFER_TIMING,
    });
    this.#offer.onOffered((count) => this.#core.slotsOffered(count));
    process.onEnd(() => {
      if (this.#registered) kubelet().hungUp();
      for (const end of this.#ended) end();
    });
  }

  get pool(): Pool | undefined {
    return this.#core.pool;
  }

  /** Begins to serve, once a predecessor has gone. Rejects when it cannot. */
  async start(): Promise<void> {
    const { process, machine, dice, ownStore } = this.#world;
    const { signal } = this.#stopping;
    await this.#offer.begin(signal);
    void this.#offer.follow(this.#draining.signal);
    const opened = await ownStore();
    // The kubelet takes a moment to watch.
    await process.clock.sleep(dice.between(20, 200), signal);
    if (signal.aborted) return;
    if (!this.#registered) this.#register();
    if (!(await this.#core.remember(opened))) return;
    const pool = this.#core.restore(opened.store);
    this.#takeQueued(pool);
    const network = new ModelNetwork({
      machine,
      clock: process.clock,
      pool,
      store: opened.store,
      setUpMs: () => dice.between(5, 100),
    });
    network.start();
    this.#network = network;
    process.onEnd(machine.onLinks(() => process.deliver(() => network.request())));
    this.#core.serve(network, { store: opened.store, plugin: this.#offer });
    void this.#keepTaking(pool);
  }

  /**
   * Ends in order, as at a SIGTERM: pods that have been sent here are waited for while addresses are still served, unless a successor
   * has the kubelet.
   */
  async stop(successor?: AgentProcess): Promise<void> {
    this.#draining.abort();
    if (this.#registered && successor?.takeRegistration() === true) this.#registered = false;
    if (this.#registered) await this.#drain();
    this.#stopping.abort();
    await this.#core.stop();
    this.#network?.stop();
  }

  /** A predecessor that ends registers this one in its place. @returns false where it does not answer */
  takeRegistration(): boolean {
    if (!this.#world.process.isRunning || this.#stopping.signal.aborted) return false;
    this.#register();
    this.#offer.recheck();
    return true;
  }

  add({ ownOnly, ...attachment }: Parameters<AgentEnd["add"]>[0]): Promise<GivenAddress | undefined> {
    return this.#call(ADD_MS, async () => {
      const pool = this.#core.pool;
      if (!pool?.state.open) return undefined;
      const enough = new AbortController();
      void this.#world.process.clock.sleep(WAIT_MS, enough.signal).then(() => enough.abort());
      try {
        const [record] = await pool.allocate(
          {
            attachment: { ...attachment, ifName: "eth0" },
            netns: `/run/netns/${attachment.containerId}`,
            ownOnly,
          },
          () => enough.signal,
        );
        if (record === undefined) return undefined;
        const table = this.#network?.tableOf(record.eniId);
        return table === undefined ? undefined : { address: record.address, table };
      } catch (error) {
        if (error instanceof NotAllocatedError) return undefined;
        throw error;
      } finally {
        enough.abort();
      }
    });
  }

  async del(containerId: string): Promise<boolean> {
    const taken = await this.#call(DEL_MS, async () => {
      const pool = this.#core.pool;
      if (!pool?.state.open) return undefined;
      pool.release({ containerId, ifName: "eth0" });
      return true;
    });
    return taken ?? false;
  }

  slotAllocated(slot: string): void {
    this.#world.process.deliver(() => this.#offer.noteAllocated([slot]));
  }

  #register(): void {
    this.#registered = true;
    this.#offer.catchUp();
    this.#world.kubelet().offered(this.#offer.slots);
  }

  async #drain(): Promise<void> {
    const enough = new AbortController();
    void this.#world.process.clock.sleep(DRAIN_MS, enough.signal).then(() => enough.abort());
    // Pods that are bound here just now may fail.
    await this.#offer.drain(enough.signal).catch(() => {});
    enough.abort();
  }

  /** A call of a plugin: undefined when the agent fails it, is gone, or does not answer in time. */
  #call<T>(withinMs: number, act: () => Promise<T | undefined>): Promise<T | undefined> {
    const { process, clock, dice } = this.#world;
    return new Promise((resolve) => {
      const end = (value: T | undefined) => {
        cancel();
        this.#ended.delete(cut);
        resolve(value);
      };
      const cut = () => end(undefined);
      const cancel = clock.after(withinMs, cut);
      if (process.hasEnded) return cut();
      this.#ended.add(cut);
      clock.after(dice.between(0.2, 3), () =>
        process.deliver(() => {
          act().then(
            (value) => clock.after(dice.between(0.2, 3), () => end(value)),
            () => end(undefined),
          );
        }),
      );
    });
  }

  /** A question to the kubelet or the runtime, which takes a moment. */
  #asked<T>(read: () => T): Promise<T> {
    const { process, clock, dice } = this.#world;
    return new Promise((resolve) => {
      clock.after(dice.between(1, 20), () => {
        const answer = read();
        process.deliver(() => resolve(answer));
      });
    });
  }

  /** Lists of slots arrive in the order in which they were sent. */
  #toKubelet(act: () => void): void {
    const { process, clock, dice } = this.#world;
    this.#sent = Math.max(this.#sent, clock.monotonic() + dice.between(1, 20));
    clock.at(this.#sent, () => {
      if (!process.hasEnded) act();
    });
  }

  /** What plugins have put aside while there was no agent. */
  #takeQueued(pool: Pool): void {
    const { queuedReleases } = this.#world.machine;
    while (queuedReleases.length > 0) {
      const release = queuedReleases[0];
      if (release !== undefined) pool.release(release);
      queuedReleases.shift();
    }
  }

  async #keepTaking(pool: Pool): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#world.process.clock.sleep(QUEUE_MS, signal);
      this.#takeQueued(pool);
    }
  }
}

/** What the kernel of a machine shows of pods and ENIs, in the form in which the agent reads it. */
function kernelOf(machine: Machine): KernelReading {
  const veths = [...machine.veths.values()];
  const links = veths.map(({ index, containerId, table }) => ({ index, alias: containerId, group: table }));
  const podRoutes = veths.map(({ index, address }) => ({
    table: PODS_TABLE,
    index,
    destination: hostPrefix(parseIpAddress(address)),
  }));
  const rules = machine.rules.flatMap(({ table, number, primaryIp }) => [
    { table, from: hostPrefix(parseIpAddress(primaryIp)) },
    { table, mark: { value: number << MARK_SHIFT, mask: MARK_MASK } },
  ]);
  return { links, podRoutes, rules } as object as KernelReading;
}
