import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import { Bell, waitFor } from "./bell.ts";
import { type BoundPods, slotsOnTheWay } from "./bound-pods.ts";
import type { KubeletDevices } from "./kubelet-devices.ts";
import type { NodeStatus } from "./node-status.ts";
import { grown, type Slots, shrunk } from "./slots.ts";

/** Pauses, in ms. */
export interface OfferTiming {
  /** From lowering the node status to a look at who comes nevertheless: the scheduler's view lags, and so do its bindings. */
  bindingMs: number;
  /** How long a slot counts as held once the kubelet has asked for it, whether or not it shows the pod yet. */
  allocationMs: number;
  /** How long the kubelet may take to show what it was sent. */
  intakeMs: number;
  /** Between looks for a slot that has become free. */
  retryMs: number;
}

export const OFFER_TIMING: Readonly<OfferTiming> = {
  bindingMs: 1_000,
  allocationMs: 10_000,
  intakeMs: 5_000,
  retryMs: 5_000,
};

/** Between looks when all is as it should be, and nothing has said otherwise. */
const IDLE_MS = 60_000;
/** In a row, before a lowered node status is taken for effective. */
const LOOKS = 2;

/** What pods need of the slots. */
interface Demand {
  /** Slots that pods hold. */
  readonly held: Slots;
  /** How many more are needed by pods that are bound to this node and have not been given theirs. */
  readonly onTheWay: number;
}

export interface SlotOfferWorld {
  /** Count that the agent of this node, this or an earlier life or another instance, offered last. */
  announced(): number;
  /** Whether the kubelet goes by what this instance offers. */
  isWatched(): boolean;
  /** Tells the kubelet, or keeps it for when the kubelet asks. */
  send(slots: Slots): void;
  readonly devices: KubeletDevices;
  /** Whether the kubelet runs long enough to know its pods: one that has just started shows none. */
  knowsItsPods(): boolean;
  readonly nodeStatus: Pick<NodeStatus, "show" | "shows">;
  readonly boundPods: Pick<BoundPods, "list">;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: OfferTiming;
}

/**
 * Keeps the number of slots that the kubelet is offered at a target.
 *
 * Growing is done at once: the listeners hear of it, then the kubelet; the node status follows when the kubelet shows that it has
 * taken the slots in. Otherwise the scheduler would send pods that the kubelet refuses.
 *
 * Shrinking goes the other way round: the node status is lowered, so that no more pods are sent, and stays so for two looks;
 * slots that nobody holds, and that no pod needs which is bound to the node already, are withdrawn; the kubelet is seen without
 * them, and without a pod that got one at the last moment; the Node object is seen with the lower count; only then the
 * listeners hear of it. From then on no pod can come to hold one of these slots.
 *
 * Nothing is done while the kubelet does not watch: another instance may be the one that it goes by.
 */
export class SlotOffer {
  readonly #world: SlotOfferWorld;
  readonly #listeners = new Set<(count: number) => void>();
  readonly #allocations = new Map<string, number>();
  readonly #bell = new Bell();
  #pass = new AbortController();
  #slots: Slots = new Set();
  #target = 0;
  /** What listeners were told last: as many slots as pods may hold or get. */
  #reported: number | undefined;
  /** The slots that the node status was last seen to agree with. */
  #confirmed: Slots | undefined;

  constructor(world: SlotOfferWorld) {
    this.#world = world;
  }

  get slots(): Slots {
    return this.#slots;
  }

  /** What listeners were told last. */
  get offered(): number {
    return this.#reported ?? 0;
  }

  setTarget(count: number): void {
    if (count === this.#target) return;
    this.#target = count;
    // What goes on towards fewer slots takes a new target up by itself; pods that come and go all the time must not hold it up.
    if (count > this.#slots.size) this.#pass.abort();
    this.#bell.ring();
  }

  /** @returns a function that ends it */
  onOffered(listener: (count: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  noteAllocated(slots: readonly string[]): void {
    for (const slot of slots) this.#allocations.set(slot, this.#world.clock.monotonic());
  }

  /** Looks at everything anew: the kubelet has come, or has lost what it knew. */
  recheck(): void {
    this.#confirmed = undefined;
    this.#pass.abort();
    this.#bell.ring();
  }

  /** Offers what was announced last, with the slots among it that pods hold, if the kubelet can tell. */
  async begin(signal: AbortSignal): Promise<void> {
    const held = await this.#world.devices.held(signal).catch(() => new Map<string, string>());
    this.#target = this.#world.announced();
    this.#offer(grown(new Set(held.keys()), this.#target));
  }

  /** Catches up with what another instance has announced since this one began, before the kubelet goes by this one. */
  catchUp(): void {
    this.#target = Math.max(this.#target, this.#world.announced());
    this.#offer(grown(this.#slots, this.#target));
  }

  /** Follows the target until `signal` is aborted. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, timing } = this.#world;
    let failures = 0;
    while (!signal.aborted) {
      const rung = this.#bell.next;
      this.#pass = new AbortController();
      const over = AbortSignal.any([signal, this.#pass.signal]);
      let pauseMs = IDLE_MS;
      try {
        if (this.#world.isWatched()) await this.#approach(over);
        failures = 0;
        if (this.#slots.size > this.#target) pauseMs = timing.retryMs;
      } catch (error) {
        if (over.aborted) continue;
        pauseMs = backOffMs(failures++, { baseMs: 200, capMs: 30_000, random });
        logger.warn(
          { err: error, target: this.#target, offered: this.#slots.size, pauseMs },
          "slots of the kubelet do not follow yet, trying again",
        );
      }
      await waitFor(rung, pauseMs, { clock, signal });
    }
  }

  /**
   * Before the end of the offer: asks the scheduler for no more pods, and waits for those that it has bound to be given their
   * slots. The kubelet fails a pod for good that it admits when the slots have gone.
   *
   * @throws when it could not be done before `signal` was aborted, or the kubelet does not answer
   */
  async drain(signal: AbortSignal): Promise<void> {
    // Not the number of slots that are held: each pod that ends would make room for another one.
    await this.#lower(0, { until: ({ onTheWay }) => onTheWay === 0, signal });
  }

  async #approach(signal: AbortSignal): Promise<void> {
    this.#offer(grown(this.#slots, this.#target));
    // Pods may hold slots that an earlier life offered, and that could not be asked for when this one began.
    this.#offer(this.#slots.union(await this.#held(signal)));
    if (this.#slots.size > this.#target && this.#world.knowsItsPods()) await this.#withdraw(signal);
    await this.#confirm(signal);
  }

  async #withdraw(signal: AbortSignal): Promise<void> {
    const kept = ({ held, onTheWay }: Demand, atLeast: number) =>
      shrunk(this.#slots, { count: Math.max(this.#target, atLeast, held.size + onTheWay), held });
    const next = kept(await this.#demand(signal), 0);
    if (next.size === this.#slots.size) return;
    this.#confirmed = undefined;
    const demand = await this.#lower(next.size, { until: () => true, signal });
    // The target may have changed meanwhile, but the scheduler was told this count.
    this.#offer(kept(demand, next.size));
  }

  /**
   * Lowers the count that the scheduler goes by, and sees it stay so for two looks in a row that also satisfy `until`. The kubelet
   * writes a count of its own every ten seconds, and pods may be bound then: the looks begin anew.
   *
   * @returns what pods need, as of the last look
   */
  async #lower(
    count: number,
    { until, signal }: { until: (demand: Demand) => boolean; signal: AbortSignal },
  ): Promise<Demand> {
    const { nodeStatus, clock, timing } = this.#world;
    for (let looks = 0; ; ) {
      await nodeStatus.show(count, signal);
      await clock.sleep(timing.bindingMs, signal);
      const demand = await this.#demand(signal);
      // Last: nobody else lowers the count, so it has been like this since it was shown.
      const stayed = await nodeStatus.shows(count, signal);
      looks = stayed && until(demand) ? looks + 1 : 0;
      if (looks === LOOKS) return demand;
    }
  }

  /** Sees to it that kubelet and Node object agree with the offer, and tells of an offer that has become lower. */
  async #confirm(signal: AbortSignal): Promise<void> {
    if (this.#confirmed === this.#slots) return;
    await this.#seenByKubelet(signal);
    const held = await this.#held(signal);
    if (!held.isSubsetOf(this.#slots)) {
      this.#offer(this.#slots.union(held));
      await this.#seenByKubelet(signal);
    }
    const slots = this.#slots;
    await this.#world.nodeStatus.show(slots.size, signal);
    if (slots.size !== this.#reported) {
      if (!this.#world.knowsItsPods())
        throw new Error("the kubelet has just started and may not know its pods");
      this.#report(slots.size);
    }
    this.#confirmed = slots;
  }

  async #seenByKubelet(signal: AbortSignal): Promise<void> {
    const { devices, clock, timing } = this.#world;
    const deadline = clock.monotonic() + timing.intakeMs;
    for (;;) {
      const known = await devices.known(signal);
      signal.throwIfAborted();
      if (known.size === this.#slots.size && known.isSubsetOf(this.#slots)) return;
      if (clock.monotonic() > deadline) {
        throw new Error(
          `the kubelet shows ${known.size} slots instead of the ${this.#slots.size} that it is offered`,
        );
      }
      await clock.sleep(100, signal);
    }
  }

  async #demand(signal: AbortSignal): Promise<Demand> {
    const bound = await this.#world.boundPods.list(signal);
    const held = await this.#world.devices.held(signal);
    signal.throwIfAborted();
    return {
      held: this.#withRecent(held.keys()),
      onTheWay: slotsOnTheWay(bound, new Set(held.values())),
    };
  }

  async #held(signal: AbortSignal): Promise<Slots> {
    const held = await this.#world.devices.held(signal);
    signal.throwIfAborted();
    return this.#withRecent(held.keys());
  }

  #withRecent(held: Iterable<string>): Slots {
    const { clock, timing } = this.#world;
    const longAgo = clock.monotonic() - timing.allocationMs;
    for (const [slot, at] of this.#allocations) if (at < longAgo) this.#allocations.delete(slot);
    return new Set([...held, ...this.#allocations.keys()]);
  }

  #offer(slots: Slots): void {
    if (this.#reported !== undefined && slots.size === this.#slots.size && slots.isSubsetOf(this.#slots))
      return;
    // Before the kubelet hears of it: a pod may have the slot at once, and then its address must not be given away.
    if (this.#reported === undefined || slots.size > this.#reported) this.#report(slots.size);
    this.#slots = slots;
    this.#world.send(slots);
    this.#world.logger.info({ slots: slots.size, target: this.#target }, "slots offered to the kubelet");
  }

  #report(count: number): void {
    for (const listener of this.#listeners) listener(count);
    this.#reported = count;
  }
}
