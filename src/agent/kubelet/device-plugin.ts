import { type FSWatcher, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import { Bell, waitFor } from "./bell.ts";
import { kubeletDevices } from "./kubelet-devices.ts";
import { type KubeletLife, kubeletSocket } from "./kubelet-socket.ts";
import { otherInstances, removeStaleSockets, socketName } from "./plugin-sockets.ts";
import { OFFER_TIMING, type OfferTiming, SlotOffer, type SlotOfferWorld } from "./slot-offer.ts";
import { SlotServer } from "./slot-server.ts";

/** Pauses, in ms. */
export interface DevicePluginTiming extends OfferTiming {
  /** Between looks at the kubelet's socket and our own. */
  pollMs: number;
  /** Between looks whether the kubelet still knows any slot. */
  lookMs: number;
  /** How long a kubelet that runs takes to get to know its pods. */
  settleMs: number;
  /** From the end of a predecessor to a registration after it: the kubelet has noticed the end long before. */
  renewalMs: number;
}

export const DEVICE_PLUGIN_TIMING: Readonly<DevicePluginTiming> = {
  ...OFFER_TIMING,
  pollMs: 1_000,
  lookMs: 10_000,
  settleMs: 30_000,
  renewalMs: 5_000,
};

export interface DevicePluginOptions {
  /** `/var/lib/kubelet`; `device-plugins` and `pod-resources` are below it. */
  kubeletFolder: string;
  /** Distinguishes the agents of a node that run at one time; the pod's UID does. */
  instance: string;
  /** Count that this node's agent offered last, be it an earlier life or an instance that still runs; 0 when there was none. */
  announced: SlotOfferWorld["announced"];
  nodeStatus: SlotOfferWorld["nodeStatus"];
  boundPods: SlotOfferWorld["boundPods"];
  clock: WaitingClock;
  random: Random;
  logger: Logger;
  timing?: Partial<DevicePluginTiming>;
}

/** The end is not put off for longer, whatever the API server and the kubelet do: the pod has 30 s to end. */
const DRAIN_WITHIN_MS = 20_000;
/** The kubelet asks the successor one question before it answers. */
const HAND_OVER_WITHIN_MS = 3_000;
/** The kubelet watches within milliseconds of a registration, or never. */
const WATCH_WITHIN_MS = 5_000;
/** A stream that ended sooner is counted as a failed registration. */
const STEADY_MS = 10_000;

/**
 * Offers the addresses of this node to the kubelet, as slots of the resource `tke.cloud.tencent.com/eni-ip`.
 *
 * Instances take over from one another. One that is started beside another serves, but leaves the kubelet alone until the other
 * has registered it, or has gone and `takeOver()` was called.
 *
 * When a stream ends, whosever it is, the kubelet hangs up on the plugin that registered last, takes all slots for unhealthy, and
 * fails a pod that comes then for good; unless no registration stands. So an instance that ends registers its successor, and then
 * itself, which it refuses: that voids the registration, while the kubelet goes on with the successor. (Kubernetes 1.36,
 * pkg/kubelet/cm/devicemanager/plugin/v1beta1/handler.go, connectClient and runClient.) The successor registers again once the
 * end is over, so that the kubelet would notice its own. Each end of a stream, a new kubelet.sock and the loss of our own socket
 * lead to a new registration too.
 * https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
 */
export class DevicePlugin {
  readonly #options: DevicePluginOptions;
  readonly #timing: DevicePluginTiming;
  readonly #folder: string;
  readonly #kubelet: ReturnType<typeof kubeletSocket>;
  readonly #devices: ReturnType<typeof kubeletDevices>;
  readonly #offer: SlotOffer;
  readonly #heldListeners = new Set<(byPod: ReadonlyMap<string, number>, readAt: number) => void>();
  readonly #bell = new Bell();
  readonly #draining = new AbortController();
  #registration = new AbortController();
  #server: SlotServer | undefined;
  #watch: FSWatcher | undefined;
  #following: Promise<void> = Promise.resolve();
  #registering: Promise<unknown> = Promise.resolve();
  #registered: { lifeId: string; at: number } | undefined;
  #life: (KubeletLife & { noticed: number }) | undefined;
  /** Streams that ended soon after their registration, one after the other. */
  #shortStreams = 0;
  /** Where this instance stands: the kubelet is another's, was handed over by another that still ends, or is ours alone. */
  #standing: "beside" | "after" | "alone" = "beside";
  /** When to register once more, on the monotonic clock. */
  #renewAt: number | undefined;

  constructor(options: DevicePluginOptions) {
    const { kubeletFolder, announced, nodeStatus, boundPods, clock, random, logger } = options;
    this.#options = options;
    this.#timing = { ...DEVICE_PLUGIN_TIMING, ...options.timing };
    this.#folder = join(kubeletFolder, "device-plugins");
    this.#kubelet = kubeletSocket(join(this.#folder, "kubelet.sock"));
    this.#devices = kubeletDevices(join(kubeletFolder, "pod-resources", "kubelet.sock"));
    this.#offer = new SlotOffer({
      announced,
      isWatched: () => this.isWatched,
      send: (slots) => this.#server?.offer(slots),
      devices: this.#devices,
      knowsItsPods: () => this.#knowsItsPods(),
      nodeStatus,
      boundPods,
      clock,
      random,
      logger,
      timing: this.#timing,
    });
  }

  /** How many slots pods may hold or come to hold, as listeners were told last. */
  get offered(): number {
    return this.#offer.offered;
  }

  /** Whether the kubelet watches. */
  get isWatched(): boolean {
    return (this.#server?.watchers ?? 0) > 0;
  }

  /**
   * Serves, so that a predecessor can hand over to this instance. Resolves when the socket is there; the kubelet need not be there
   * yet.
   *
   * @throws when the socket cannot be bound
   */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o750 });
    const removed = await removeStaleSockets(this.#folder);
    if (removed.length > 0) this.#options.logger.info({ removed }, "sockets of ended device plugins removed");
    await this.#offer.begin(this.#registration.signal);
    await this.#serve();
    this.#watch = watch(this.#folder, () => this.#bell.ring());
    this.#watch.on("error", (error) =>
      this.#options.logger.warn({ err: error }, "kubelet's folder is not watched any more, only polled"),
    );
    this.#following = this.#offer.follow(this.#draining.signal);
    this.#keepRegistered();
  }

  /** The predecessor has ended, or there was none: from now on this instance keeps itself registered. */
  takeOver(): void {
    const { clock } = this.#options;
    if (this.#standing === "beside") this.#offer.catchUp();
    else this.#renewAt = clock.monotonic() + this.#timing.renewalMs;
    this.#standing = "alone";
    this.#bell.ring();
  }

  /**
   * Ends the offer without a pod noticing. A successor that runs already is handed the kubelet. Without one the node shows no
   * address any more, so that pods wait instead of failing at a kubelet that has no plugin, and those that are bound to it are
   * waited for. Until this resolves pods may come that need an address.
   */
  async stop(): Promise<void> {
    this.#draining.abort();
    await this.#following;
    await this.#leaveRegistration();
    // A predecessor that ends at the same time must not hand over to us.
    if (!this.isWatched) this.#server?.refuseRegistrations();
    const alone = this.isWatched && !(await this.#handOver());
    const soon = AbortSignal.timeout(DRAIN_WITHIN_MS);
    if (alone) await this.#drain(soon);
    this.#watch?.close();
    await this.#server?.stop();
    if (alone) await this.#seeDrained(soon);
  }

  /** Sets how many slots the kubelet is to be offered. Returns at once; no listener is called from within. */
  setTarget(count: number): void {
    this.#offer.setTarget(count);
  }

  /**
   * Tells how many slots pods may hold or come to hold: a higher number before the kubelet hears of it, a lower one after kubelet
   * and Node object have been seen without the slots. When a listener throws, a higher number is not offered, and it is told
   * again later. The first number is told during `start()`.
   *
   * @returns a function that ends it
   */
  onOffered(listener: (count: number) => void): () => void {
    return this.#offer.onOffered(listener);
  }

  /**
   * Tells again and again how many slots each pod holds (`namespace/name`), and when that was asked (wall clock). Silent while
   * the kubelet does not know its pods.
   *
   * @returns a function that ends it
   */
  onHeld(listener: (byPod: ReadonlyMap<string, number>, readAt: number) => void): () => void {
    this.#heldListeners.add(listener);
    return () => this.#heldListeners.delete(listener);
  }

  async #serve(): Promise<void> {
    this.#server = await SlotServer.serve(join(this.#folder, socketName(this.#options.instance)), {
      slots: this.#offer.slots,
      listener: {
        allocated: (slots) => this.#offer.noteAllocated(slots),
        watched: () => this.#watched(),
        hungUp: () => this.#hungUp(),
      },
    });
  }

  #watched(): void {
    const { clock, logger } = this.#options;
    if (this.#standing === "beside") {
      this.#standing = "after";
      this.#registered = { lifeId: this.#kubelet.life()?.id ?? "none", at: clock.monotonic() };
      this.#offer.catchUp();
      logger.info({ slots: this.#offer.slots.size }, "registered with the kubelet by the predecessor");
    }
    this.#offer.recheck();
  }

  #hungUp(): void {
    const { clock, logger } = this.#options;
    // The streams of two registrations of ours end together.
    if (this.#registered === undefined) return;
    const lived = clock.monotonic() - this.#registered.at;
    this.#shortStreams = lived < STEADY_MS ? this.#shortStreams + 1 : 0;
    this.#registered = undefined;
    logger.info({ livedMs: Math.round(lived) }, "the kubelet has hung up");
    this.#bell.ring();
  }

  /** @returns whether the kubelet goes by another instance now, and will not take the end of this one for the end of that one */
  async #handOver(): Promise<boolean> {
    const { instance, logger } = this.#options;
    for (const successor of await otherInstances(this.#folder, instance)) {
      const signal = AbortSignal.timeout(HAND_OVER_WITHIN_MS);
      try {
        await this.#kubelet.register(successor, signal);
        this.#server?.refuseRegistrations();
        await this.#kubelet.register(socketName(instance), signal).catch((error) => {
          logger.debug({ err: error }, "own registration voided");
        });
        logger.info({ successor }, "handed over to the successor");
        return true;
      } catch (error) {
        logger.warn({ err: error, successor }, "could not hand over to this instance");
        // The kubelet may have lost ours.
        this.#registered = undefined;
      }
    }
    return false;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#keepRegistered();
    try {
      await this.#offer.drain(signal);
    } catch (error) {
      this.#options.logger.warn({ err: error }, "pods that are bound to this node just now may fail");
    }
    await this.#leaveRegistration();
  }

  /** The kubelet may have written the old count while the offer ended, and would correct that ten seconds later. */
  async #seeDrained(signal: AbortSignal): Promise<void> {
    const { nodeStatus, clock, logger } = this.#options;
    await clock.sleep(this.#timing.bindingMs, signal);
    await nodeStatus.show(0, signal).catch((error) => {
      logger.warn({ err: error }, "the node may show addresses that nobody offers, for ten seconds");
    });
  }

  #keepRegistered(): void {
    this.#registration = new AbortController();
    const { signal } = this.#registration;
    this.#registering = Promise.all([this.#stayRegistered(signal), this.#lookAfterKubelet(signal)]);
  }

  async #leaveRegistration(): Promise<void> {
    this.#registration.abort();
    await this.#registering;
  }

  async #stayRegistered(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const rung = this.#bell.next;
      try {
        await this.#registerIfNeeded(signal);
        failures = 0;
      } catch (error) {
        if (failures === 0) logger.warn({ err: error }, "not registered with the kubelet, trying again");
        else logger.debug({ err: error, failures }, "not registered with the kubelet");
        await clock.sleep(backOffMs(failures++, { baseMs: 50, capMs: 1_000, random }), signal);
        continue;
      }
      await waitFor(rung, this.#timing.pollMs, { clock, signal });
    }
  }

  async #registerIfNeeded(signal: AbortSignal): Promise<void> {
    const { clock, random, instance, logger } = this.#options;
    if (this.#server?.isInPlace() !== true) {
      // The kubelet deletes what is in its folder when it starts.
      await this.#server?.stop();
      this.#registered = undefined;
      if (signal.aborted) return;
      await this.#serve();
    }
    const life = this.#kubelet.life();
    if (life === undefined) return;
    this.#noteLife(life);
    if (this.#standing === "beside") return;
    const renewalIsDue = this.#renewAt !== undefined && clock.monotonic() >= this.#renewAt;
    if (this.#isRegisteredWith(life) && !renewalIsDue) return;
    if (this.#shortStreams > 1) {
      await clock.sleep(backOffMs(this.#shortStreams - 1, { baseMs: 20, capMs: 5_000, random }), signal);
    }
    if (signal.aborted) return;
    // Before the call: the kubelet may have hung up again when it returns.
    this.#registered = { lifeId: life.id, at: clock.monotonic() };
    this.#renewAt = undefined;
    try {
      await this.#kubelet.register(socketName(instance), signal);
    } catch (error) {
      this.#registered = undefined;
      throw error;
    }
    logger.info({ slots: this.#offer.slots.size }, "registered with the kubelet");
  }

  #isRegisteredWith(life: KubeletLife): boolean {
    if (this.#registered?.lifeId !== life.id) return false;
    return this.isWatched || this.#options.clock.monotonic() - this.#registered.at < WATCH_WITHIN_MS;
  }

  /**
   * A kubelet that shows no slot at all has forgotten us, or has taken the end of another stream for ours. Two looks in a row tell
   * that from a passing state.
   */
  async #lookAfterKubelet(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let missing = 0;
    await this.#tellHeld(signal);
    while (!signal.aborted) {
      await clock.sleep(this.#timing.lookMs, signal);
      await this.#tellHeld(signal);
      const known = await this.#devices.known(signal).catch(() => undefined);
      missing = known?.size === 0 && this.#offer.slots.size > 0 && this.isWatched ? missing + 1 : 0;
      if (missing < 2) continue;
      logger.warn(
        { slots: this.#offer.slots.size },
        "the kubelet knows none of the slots: registering again",
      );
      missing = 0;
      this.#registered = undefined;
      this.#bell.ring();
    }
  }

  /** Says nothing when the kubelet does not answer: what it told before may still be so. */
  async #tellHeld(signal: AbortSignal): Promise<void> {
    const life = this.#kubelet.life();
    if (life !== undefined) this.#noteLife(life);
    const readAt = this.#options.clock.now();
    const held = await this.#devices.held(signal).catch(() => undefined);
    if (held === undefined || signal.aborted || !this.#knowsItsPods()) return;
    const byPod = new Map<string, number>();
    for (const pod of held.values()) byPod.set(pod, (byPod.get(pod) ?? 0) + 1);
    for (const listener of this.#heldListeners) listener(byPod, readAt);
  }

  #noteLife(life: KubeletLife): void {
    if (this.#life?.id !== life.id) this.#life = { ...life, noticed: this.#options.clock.monotonic() };
  }

  /** Either clock may prove it: the wall clock may have been set back, and this process may be younger than the kubelet. */
  #knowsItsPods(): boolean {
    if (this.#life === undefined) return false;
    const { clock } = this.#options;
    const age = Math.max(clock.now() - this.#life.since, clock.monotonic() - this.#life.noticed);
    return age >= this.#timing.settleMs;
  }
}
