import type { KubeClient } from "../kube/kube-client.ts";
import { type ElectionWorld, type LeaderElector, startLeaderElection } from "../kube/lease.ts";
import type { Acquisition } from "../kube/lease-election.ts";

/** Longest that one call to the API server takes: the scheduler gives a verb up after some seconds. */
export const CALL_MS = 2000;

const LEASE_NAME = "tke-eni-ip-scheduler";
const LEASE_MS = 10_000;
const RETRY_MS = 2000;

export interface LeadershipOptions {
  /** Of the Lease. */
  readonly namespace: string;
  /** Unique to this process. */
  readonly identity: string;
  /** Whether no extender has ever let a pod pass here: then there is nobody whose last calls are to be waited for. @throws where it cannot be told */
  readonly isNewCluster: () => Promise<boolean>;
  /** This process decides no more: what was promised by it is nobody's. */
  readonly lost: () => void;
}

export interface LeadershipWorld extends ElectionWorld {
  readonly client: Pick<KubeClient, "find" | "create" | "mergePatch">;
}

/** Which of several extenders answers: the one that has the Lease, once no call of the one before can be under way any more. */
export class Leadership {
  readonly #world: LeadershipWorld;
  readonly #options: LeadershipOptions;
  readonly #elector: LeaderElector;
  /** Monotonic ms; undefined while another has the Lease. */
  #answersFrom: number | undefined;
  #stopping = false;

  constructor(world: LeadershipWorld, options: LeadershipOptions) {
    this.#world = world;
    this.#options = options;
    this.#elector = startLeaderElection(world, {
      namespace: options.namespace,
      name: LEASE_NAME,
      identity: options.identity,
      leaseDurationMs: LEASE_MS,
      retryMs: RETRY_MS,
      longestCallMs: CALL_MS,
      onAcquired: (acquisition) => void this.#acquired(acquisition),
      onLost: () => {
        this.#answersFrom = undefined;
        options.lost();
      },
    });
  }

  /** @throws Error while this process may not answer, with who does */
  check(): void {
    if (this.#stopping) throw this.#error("is being stopped");
    if (!this.#elector.isLeader() || this.#answersFrom === undefined)
      throw this.#error(`stands by: another one has the Lease ${this.#options.namespace}/${LEASE_NAME}`);
    // Without saying when: a text that changes has the scheduler ask again at once.
    if (this.#world.clock.monotonic() < this.#answersFrom)
      throw this.#error("waits until no call of the one before can be under way any more");
  }

  /** Right before a call that changes something. @throws Error where it could outlast the Lease */
  checkCall(): void {
    if (!this.#elector.outlives(CALL_MS)) throw this.#error("may be about to lose its Lease");
  }

  /** What is under way is done: gives the Lease back. */
  async stop(underWay: Promise<unknown>): Promise<void> {
    this.#stopping = true;
    await underWay;
    // Who has not waited a former leader's calls out may not say that there are none.
    const waited = this.#answersFrom !== undefined && this.#answersFrom <= this.#world.clock.monotonic();
    await this.#elector.stop({ giveBack: waited });
  }

  async #acquired({ from, waitUntil }: Acquisition): Promise<void> {
    this.#answersFrom = waitUntil;
    if (from !== "nobody") return;
    const isNew = await this.#options.isNewCluster().catch(() => false);
    if (isNew && this.#answersFrom === waitUntil) this.#answersFrom = this.#world.clock.monotonic();
  }

  #error(what: string): Error {
    return new Error(`tke-eni-ip-scheduler ${this.#options.identity} ${what}; it is tried again`);
  }
}
