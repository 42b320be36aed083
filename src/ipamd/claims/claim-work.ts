import type { KubeClient } from "../../kube/kube-client.ts";
import type { Logger } from "../../kube/logger.ts";
import type { Reflector } from "../../kube/reflector/reflector.ts";
import type { Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { countBy } from "../count-by.ts";
import { BindLatency, type LeaderFigures } from "../metrics.ts";
import { ClaimObjects } from "../objects/claim-objects.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import { follow } from "../objects/follow.ts";
import type { TokenBook } from "../objects/token-book.ts";
import type { Notices } from "../signals/notices.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import type { ClaimReflector } from "../watches.ts";
import { WorkQueue } from "../work-queue.ts";
import { claimKey } from "./claim-book.ts";
import { ClaimKeeper } from "./claim-keeper.ts";
import { type ClaimOptions, ClaimWorld } from "./claim-world.ts";

export interface ClaimWorkWorld {
  /** Writes are refused once this process leads no more. */
  kube: KubeClient;
  objects: ClusterObjects;
  tokens: TokenBook;
  notices: Notices;
  clock: WaitingClock;
  random: Random;
  logger: Logger;
}

export interface ClaimWorkOptions {
  claims: ClaimReflector;
  pods: Reflector<SlimPod, "node" | "place">;
  options: ClaimOptions;
  /** Claims worked on at a time. */
  concurrency: number;
  lookAtNode: (node: string) => void;
}

/** Work on claims: one look a claim at a time, at each that something has changed about, and at all of them now and then. */
export class ClaimWork {
  readonly world: ClaimWorld;
  readonly #options: ClaimWorkOptions;
  readonly #keeper: ClaimKeeper;
  readonly #queue: WorkQueue;
  readonly #latency = new BindLatency();
  #unfollow: (() => void) | undefined;

  constructor(world: ClaimWorkWorld, options: ClaimWorkOptions) {
    const { clock, random, logger } = world;
    this.#options = options;
    this.world = new ClaimWorld({
      objects: new ClaimObjects(world.kube, options.claims),
      pods: options.pods.store,
      options: options.options,
      now: () => clock.monotonic(),
      changed: (key) => this.#queue.trigger(key),
    });
    this.#keeper = new ClaimKeeper({
      ...world,
      claims: this.world,
      latency: this.#latency,
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
    });
    this.#queue = new WorkQueue({
      work: (key) => this.#keeper.look(key),
      failed: (key, error, backOffMs) =>
        logger.warn({ claim: key, err: error, backOffMs }, "work on a claim failed"),
      concurrency: options.concurrency,
      minBackOffMs: 200,
      maxBackOffMs: 60_000,
      random,
      clock,
    });
  }

  start(): void {
    const { cache } = this.world.objects;
    this.#unfollow = follow(this.#options.claims, cache, (claim) => this.changed(claimKey(claim)));
    this.lookAtAll();
  }

  async stop(): Promise<void> {
    this.#unfollow?.();
    await this.#queue.stop();
  }

  /** Something has changed of a claim, its pod or its address: it is looked at, and so is the node that its pod is on. */
  changed(key: string): void {
    this.#queue.trigger(key);
    const node = this.world.nodeOf(key);
    if (node !== undefined) this.#options.lookAtNode(node);
  }

  lookAtAll(): void {
    const bound = this.#options.pods.store.list().filter(({ node, needsAddress }) => node && needsAddress);
    const keys = [...this.world.book.list().map(claimKey), ...bound.map(claimKey), ...this.#keeper.strays()];
    for (const key of new Set(keys)) this.#queue.trigger(key);
  }

  figures(): NonNullable<LeaderFigures["claims"]> {
    const states = countBy(this.world.book.list(), ({ status }) => status?.state ?? "Unknown");
    return { states, latency: this.#latency };
  }
}
