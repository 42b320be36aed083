import { type FSWatcher, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { backOffMs, type Random } from "../../kube/back-off.ts";
import type { WaitingClock } from "../../kube/waiting-clock.ts";
import type { Logger } from "../logger.ts";
import { Bell, waitFor } from "./bell.ts";
import { kubeletDevices } from "./kubelet-devices.ts";
import { type KubeletLife, kubeletSocket } from "./kubelet-socket.ts";
import { OFFER_TIMING, type OfferTiming, SlotOffer, type SlotOfferWorld } from "./slot-offer.ts";
import { SlotServer } from "./slot-server.ts";
import { removeStaleSockets, socketName } from "./stale-sockets.ts";

/** Pauses, in ms. */
export interface DevicePluginTiming extends OfferTiming {
  /** Between looks at the kubelet's socket and our own. */
  pollMs: number;
  /** Between looks whether the kubelet still knows any slot. */
  lookMs: number;
  /** How long a kubelet that runs takes to get to know its pods. */
  settleMs: number;
}

export const DEVICE_PLUGIN_TIMING: Readonly<DevicePluginTiming> = {
  ...OFFER_TIMING,
  pollMs: 1_000,
  lookMs: 10_000,
  settleMs: 30_000,
};

export interface DevicePluginOptions {
  /** `/var/lib/kubelet`; `device-plugins` and `pod-resources` are below it. */
  kubeletFolder: string;
  /** Distinguishes the agents of a node that run at one time; the pod's UID does. */
  instance: string;
  /** Count that an earlier life of this agent offered last; 0 when there was none. */
  announced: number;
  nodeStatus: SlotOfferWorld["nodeStatus"];
  clock: WaitingClock;
  random: Random;
  logger: Logger;
  timing?: Partial<DevicePluginTiming>;
}

/** The end is not put off for longer, whatever the API server and the kubelet do. */
const DRAIN_WITHIN_MS = 3_000;
/** The kubelet watches within milliseconds of a registration, or never. */
const WATCH_WITHIN_MS = 5_000;
/** A stream that ended sooner is counted as a failed registration. */
const STEADY_MS = 10_000;

/**
 * Offers the addresses of this node to the kubelet, as slots of the resource `tke.cloud.tencent.com/eni-ip`.
 *
 * When the kubelet hangs up it takes all slots for unhealthy, and fails a pod that is bound meanwhile for good. It also hangs up
 * on this instance when another one of the same resource ends, or it is restarted; so each end of a stream, a new kubelet.sock
 * and the loss of our own socket lead to a new registration.
 * https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
 */
export class DevicePlugin {
  readonly #options: DevicePluginOptions;
  readonly #timing: DevicePluginTiming;
  readonly #folder: string;
  readonly #kubelet: ReturnType<typeof kubeletSocket>;
  readonly #devices: ReturnType<typeof kubeletDevices>;
  readonly #offer: SlotOffer;
  readonly #bell = new Bell();
  readonly #draining = new AbortController();
  readonly #stopping = new AbortController();
  #server: SlotServer | undefined;
  #watch: FSWatcher | undefined;
  #following: Promise<void> = Promise.resolve();
  #registering: Promise<unknown> = Promise.resolve();
  #registered: { lifeId: string; at: number } | undefined;
  #life: (KubeletLife & { noticed: number }) | undefined;
  /** Streams that ended soon after their registration, one after the other. */
  #shortStreams = 0;

  constructor(options: DevicePluginOptions) {
    const { kubeletFolder, announced, nodeStatus, clock, random, logger } = options;
    this.#options = options;
    this.#timing = { ...DEVICE_PLUGIN_TIMING, ...options.timing };
    this.#folder = join(kubeletFolder, "device-plugins");
    this.#kubelet = kubeletSocket(join(this.#folder, "kubelet.sock"));
    this.#devices = kubeletDevices(join(kubeletFolder, "pod-resources", "kubelet.sock"));
    this.#offer = new SlotOffer(announced, {
      send: (slots) => this.#server?.offer(slots),
      devices: this.#devices,
      knowsItsPods: () => this.#knowsItsPods(),
      nodeStatus,
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
   * Serves, and announces what was offered last. Resolves when the socket is there; the kubelet need not be there yet.
   *
   * @throws when the socket cannot be bound
   */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o750 });
    const removed = await removeStaleSockets(this.#folder);
    if (removed.length > 0) this.#options.logger.info({ removed }, "sockets of ended device plugins removed");
    await this.#offer.begin(this.#stopping.signal);
    await this.#serve();
    this.#watch = watch(this.#folder, () => this.#bell.ring());
    this.#watch.on("error", (error) =>
      this.#options.logger.warn({ err: error }, "kubelet's folder is not watched any more, only polled"),
    );
    this.#following = this.#offer.follow(this.#draining.signal);
    this.#registering = Promise.all([this.#stayRegistered(), this.#lookAfterKubelet()]);
  }

  /**
   * Ends the offer, after a second in which the node shows no free address: pods wait then, instead of failing for good at a
   * kubelet that has no plugin. A successor lifts that when it has registered. Until this resolves pods may still come that
   * need an address, of this agent or of its successor.
   */
  async stop(): Promise<void> {
    this.#draining.abort();
    await this.#following;
    if (this.isWatched) {
      await this.#offer.drain(AbortSignal.timeout(DRAIN_WITHIN_MS)).catch((error) => {
        this.#options.logger.warn({ err: error }, "pods that are bound to this node just now may fail");
      });
    }
    this.#stopping.abort();
    this.#watch?.close();
    await this.#registering;
    await this.#server?.stop();
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

  async #serve(): Promise<void> {
    this.#server = await SlotServer.serve(join(this.#folder, socketName(this.#options.instance)), {
      slots: this.#offer.slots,
      listener: {
        allocated: (slots) => this.#offer.noteAllocated(slots),
        watched: () => this.#offer.recheck(),
        hungUp: () => this.#hungUp(),
      },
    });
  }

  #hungUp(): void {
    const { clock, logger } = this.#options;
    const lived = this.#registered === undefined ? 0 : clock.monotonic() - this.#registered.at;
    this.#shortStreams = lived < STEADY_MS ? this.#shortStreams + 1 : 0;
    this.#registered = undefined;
    logger.info({ livedMs: Math.round(lived) }, "the kubelet has hung up");
    this.#bell.ring();
  }

  async #stayRegistered(): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const rung = this.#bell.next;
      try {
        await this.#registerIfNeeded();
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

  async #registerIfNeeded(): Promise<void> {
    const { clock, random, instance, logger } = this.#options;
    const { signal } = this.#stopping;
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
    if (this.#isRegisteredWith(life)) return;
    if (this.#shortStreams > 1) {
      await clock.sleep(backOffMs(this.#shortStreams - 1, { baseMs: 20, capMs: 5_000, random }), signal);
    }
    if (signal.aborted) return;
    // Before the call: the kubelet may have hung up again when it returns.
    this.#registered = { lifeId: life.id, at: clock.monotonic() };
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
  async #lookAfterKubelet(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    let missing = 0;
    while (!signal.aborted) {
      await clock.sleep(this.#timing.lookMs, signal);
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
