import type { Random } from "../time/back-off.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import { type Lease, leases } from "./core-resources.ts";
import type { KubeClient } from "./kube-client.ts";
import { KubeError } from "./kube-error.ts";
import {
  type Acquisition,
  checkSettings,
  confirm,
  type ElectionSettings,
  type ElectionState,
  type ElectionStep,
  intend,
  lapse,
  nextStep,
  release,
  seeLease,
} from "./lease-election.ts";
import type { Logger } from "./logger.ts";

/** What leader election needs of the world. */
export interface ElectionWorld {
  readonly client: Pick<KubeClient, "find" | "create" | "mergePatch">;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface ElectionOptions extends ElectionSettings {
  readonly namespace: string;
  readonly name: string;
  /** This process leads from now on; what it changes must wait until `acquisition.waitUntil`. */
  readonly onAcquired: (acquisition: Acquisition) => void;
  /** It leads no more: somebody else took the Lease, or it could not be renewed in time. It is tried for again. */
  readonly onLost: () => void;
}

export interface LeaderElector {
  isLeader(): boolean;
  /**
   * Whether this process leads, and will still lead in `ms` from now if nothing is heard of the API server any more. Ask it
   * right before every call to what the lease protects, with that call's timeout. The clock is monotonic, but does not count
   * the time that the machine is suspended.
   */
  outlives(ms: number): boolean;
  /** How the lease was acquired; undefined while this process does not lead. */
  acquisition(): Acquisition | undefined;
  /**
   * Gives the Lease back, so that a successor need not wait. Call it after the last call under it was answered or has timed
   * out. From here on this process does not lead; `onLost` is not called.
   *
   * @param options.giveBack false while what `waitUntil` waits for may still happen: the Lease is left to run out, so that the
   *   successor waits in turn
   */
  stop(options?: { giveBack: boolean }): Promise<void>;
}

/**
 * Tries for a Lease of coordination.k8s.io/v1, keeps it, and tries again when it is lost, until `stop()`.
 *
 * @throws when the lease could never outlive a call
 */
export function startLeaderElection(world: ElectionWorld, options: ElectionOptions): LeaderElector {
  checkSettings(options);
  const { client, clock, random, logger } = world;
  const { name, namespace, leaseDurationMs, retryMs } = options;
  const logFields = { lease: `${namespace}/${name}`, identity: options.identity };
  const stopping = new AbortController();
  let state: ElectionState = {};
  /** Whether what was seen last is still what there is, as far as we know. */
  let current = false;

  function leads(): boolean {
    return state.validUntil !== undefined && clock.monotonic() < state.validUntil;
  }

  /** Replaces the state, and tells the owner when that begins or ends our time. */
  function become(next: ElectionState): void {
    const led = state.validUntil !== undefined;
    state = next;
    const lead = state.validUntil !== undefined;
    if (stopping.signal.aborted) return;
    if (lead && !led && state.acquisition) {
      logger.info({ ...logFields, ...state.acquisition }, "this process leads");
      options.onAcquired(state.acquisition);
    } else if (led && !lead) {
      logger.warn(
        { ...logFields, holder: state.seen?.lease.spec.holderIdentity },
        "this process leads no more",
      );
      options.onLost();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      let pauseMs = retryMs * (1 + 0.2 * random());
      try {
        pauseMs = Math.min(pauseMs, await round());
      } catch (error) {
        current = false;
        logger.warn({ ...logFields, err: error }, "a round of leader election failed");
      }
      become(lapse(state, clock.monotonic()));
      await clock.sleep(Math.min(pauseMs, untilLapse()), stopping.signal);
      become(lapse(state, clock.monotonic()));
    }
  }

  /** Reads what must be read and writes what is to be written; returns how long to wait before the next round, in ms. */
  async function round(): Promise<number> {
    if (!current || !leads()) {
      const lease = await client.find(leases, name, { namespace, timeoutMs: callTimeoutMs() });
      become(seeLease(state, lease, { ...options, now: clock.monotonic() }));
    }
    const step = nextStep(state, { ...options, now: clock.monotonic(), wallNow: clock.now() });
    if (step.do === "wait") return step.ms;
    current = false;
    state = intend(state, step.acquisition);
    const sentAt = clock.monotonic();
    const lease = await write(step);
    // Somebody was faster: look who.
    if (!lease) return 0;
    current = true;
    become(confirm(state, { lease, sentAt, now: clock.monotonic(), leaseDurationMs }));
    return retryMs;
  }

  async function write(step: Exclude<ElectionStep, { do: "wait" }>): Promise<Lease | undefined> {
    const timeoutMs = callTimeoutMs();
    try {
      if (step.do === "create") {
        return await client.create(leases, { metadata: { name, namespace }, spec: step.spec }, { timeoutMs });
      }
      const patch = { metadata: { resourceVersion: step.resourceVersion }, spec: step.spec };
      return await client.mergePatch(leases, name, { namespace, patch, timeoutMs });
    } catch (error) {
      if (error instanceof KubeError && (error.isConflict || error.isAlreadyExists || error.isNotFound))
        return undefined;
      throw error;
    }
  }

  /** A renewal must not hang beyond the lease itself, and there must be time for another. */
  function callTimeoutMs(): number {
    return Math.max(1, Math.min(leaseDurationMs / 3, untilLapse()));
  }

  function untilLapse(): number {
    return state.validUntil === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(0, state.validUntil - clock.monotonic());
  }

  async function giveBack(): Promise<void> {
    const held = state.seen?.lease;
    const ours = held?.spec.holderIdentity === options.identity;
    state = {};
    if (!held || !ours) return;
    const { resourceVersion } = held.metadata;
    const patch = { metadata: { resourceVersion }, spec: release(held, { wallNow: clock.now() }) };
    try {
      await client.mergePatch(leases, name, { namespace, patch, timeoutMs: leaseDurationMs / 3 });
      logger.info(logFields, "the lease is given back");
    } catch (error) {
      logger.warn(
        { ...logFields, err: error },
        "the lease could not be given back: a successor waits until it runs out",
      );
    }
  }

  const running = run();

  return {
    isLeader: leads,
    outlives: (ms) => state.validUntil !== undefined && clock.monotonic() + ms < state.validUntil,
    acquisition: () => (leads() ? state.acquisition : undefined),
    async stop(options = { giveBack: true }) {
      stopping.abort();
      await running;
      if (options.giveBack) await giveBack();
      else state = {};
    },
  };
}
