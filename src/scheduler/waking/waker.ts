import type { Logger } from "../../kube/logger.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { NodeNumbers } from "../decide/node-numbers.ts";
import { Places } from "../decide/places.ts";
import type { Reservations } from "../decide/reservations.ts";
import type { ClusterView } from "../decide/world.ts";
import { addressWanted, nextWake } from "./next-wake.ts";
import { SharedPlaces } from "./shared-places.ts";
import { inTurn, type WaitingPod } from "./waiting-pod.ts";

/** An address that comes free is somebody's within a second: this, and what the scheduler takes. */
const LOOK_MS = 200;

/** Between two wakes: each is a write to the API server, and has the scheduler ask. */
const APART_MS = 5;

/** How long what a woken pod is to have is kept for it: the scheduler asks within milliseconds, or has more urgent work. */
const KEPT_MS = 5000;

/** A pod that was woken and not let pass is let alone for so long; longer each time that the scheduler does not even ask. */
const AGAIN_MS = { least: 1000, most: 300_000 };

export interface WakerWorld {
  readonly clock: WaitingClock;
  readonly logger: Logger;
  readonly reservations: Reservations;
  /** By which nodes are counted. */
  readonly numbers: NodeNumbers;
  /** @throws Error while nothing may be decided */
  readonly view: () => ClusterView;
  /** Pods that this extender refused, and that still wait. */
  readonly refused: () => readonly WaitingPod[];
  /** A pod that waits; undefined: it does not any more. */
  readonly podOf: (uid: string) => WaitingPod | undefined;
  /** Has the scheduler try the pod, on this node first. @throws Error where that could not be written */
  readonly wake: (pod: WaitingPod, node: string) => Promise<void>;
}

/**
 * Has the scheduler try refused pods again once there is an address and room for them: nothing that this extender decides by is known to the
 * scheduler, which would try them after minutes. What a woken pod is to have is kept for it, so no more are woken than can be let pass.
 */
export class Waker {
  readonly #world: WakerWorld;
  readonly #places = new Map<string, readonly string[]>();
  /** Pods that were not let evict others: the scheduler does not say so of them. */
  readonly #mayNotEvict = new Set<string>();
  /** Pods that were woken: when, and how often without being asked about since. */
  readonly #woken = new Map<string, { at: number; unanswered: number }>();
  readonly #stopping = new AbortController();
  readonly #shared: SharedPlaces;
  #wakes = 0;
  #running: Promise<void> | undefined;

  constructor(world: WakerWorld) {
    this.#world = world;
    this.#shared = new SharedPlaces(world.numbers);
  }

  /** How many were woken. */
  get wakes(): number {
    return this.#wakes;
  }

  /** Filter was asked about this pod on these nodes. */
  filtered(uid: string, { names, passed }: { names: readonly string[]; passed: boolean }): void {
    if (this.#world.reservations.isGone(uid)) return;
    this.#mayNotEvict.delete(uid);
    this.#asked(uid, { names, passed });
  }

  /** Preempt was asked about this pod, with these nodes as candidates. */
  preempted(uid: string, { names, passed }: { names: readonly string[]; passed: boolean }): void {
    if (this.#world.reservations.isGone(uid)) return;
    if (passed) this.#mayNotEvict.delete(uid);
    else this.#mayNotEvict.add(uid);
    this.#asked(uid, { names, passed });
  }

  /** The pod is bound, or gone. */
  gone(uid: string): void {
    this.#places.delete(uid);
    this.#mayNotEvict.delete(uid);
    this.#woken.delete(uid);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#world;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await this.#wakeOne())) await clock.sleep(APART_MS, signal);
      } catch (error) {
        logger.warn({ err: error }, "a pod could not be woken; it is tried again");
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** @returns whether there was one to wake */
  async #wakeOne(): Promise<boolean> {
    const { clock, reservations, wake } = this.#world;
    const waiting = this.#waiting();
    if (waiting.length === 0) return false;
    const now = clock.monotonic();
    const view = this.#viewOrNone();
    if (view === undefined) return false;
    reservations.expire(now);
    const due = waiting.filter(({ metadata }) => this.#isDue(metadata.uid)).sort(inTurn);
    const next = nextWake(due, { view, reservations, placesOf: (uid) => this.#places.get(uid) });
    if (next === undefined) return false;
    const { uid } = next.pod.metadata;
    const places = Places.of(this.#world.numbers, [[next.node, next.fit]]);
    reservations.reserve(uid, { places, address: addressWanted(next.pod, view), now, forMs: KEPT_MS });
    const unanswered = (this.#woken.get(uid)?.unanswered ?? 0) + 1;
    this.#woken.set(uid, { at: clock.monotonic(), unanswered });
    try {
      await wake(next.pod, next.node);
    } catch (error) {
      reservations.end(uid);
      throw error;
    }
    this.#wakes += 1;
    return true;
  }

  #asked(uid: string, { names, passed }: { names: readonly string[]; passed: boolean }): void {
    const woken = this.#woken.get(uid);
    if (woken !== undefined) woken.unanswered = 0;
    if (passed) this.#places.delete(uid);
    else this.#places.set(uid, this.#shared.of(names));
  }

  #waiting(): WaitingPod[] {
    const waiting = [...this.#world.refused()];
    const known = new Set(waiting.map(({ metadata }) => metadata.uid));
    for (const uid of this.#mayNotEvict) {
      const pod = known.has(uid) ? undefined : this.#world.podOf(uid);
      if (pod !== undefined) waiting.push(pod);
    }
    return waiting;
  }

  #viewOrNone(): ClusterView | undefined {
    try {
      return this.#world.view();
    } catch {
      // Another process decides, or the cluster is not known well enough: nobody is woken.
      return undefined;
    }
  }

  #isDue(uid: string): boolean {
    const woken = this.#woken.get(uid);
    if (woken === undefined) return true;
    const pauseMs = Math.min(AGAIN_MS.most, AGAIN_MS.least * 2 ** woken.unanswered);
    return this.#world.clock.monotonic() >= woken.at + pauseMs;
  }
}
