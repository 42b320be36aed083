import type { NetlinkSocket } from "../../netlink/socket.ts";
import type { Drift } from "../drift/drift.ts";
import { type FoundDrift, StandingDrift } from "../drift/standing-drift.ts";
import type { Pool } from "../pool/pool.ts";
import type { StoredEni } from "../store/agent-store.ts";
import type { ObservedNetwork } from "./observed-network.ts";
import { type PodFinding, planPods } from "./plan-pods.ts";

export interface PodKeeperWorld {
  readonly pool: Pool;
  /** Told of what was found, all of one look at once. */
  readonly drifted: (found: readonly Drift[]) => void;
}

/**
 * A difference must be there for so long before it is put right: a plugin at work leaves one for a moment, between two messages of
 * an ADD or a DEL.
 */
const CONFIRM_MS = 100;

/** Keeps the links and routes of pods as they are remembered. */
export class PodKeeper {
  readonly #world: PodKeeperWorld;
  readonly #standing = new StandingDrift();
  /** When (monotonic) what was found at the last look was first seen. */
  #firstSeen: ReadonlyMap<string, number> = new Map();

  constructor(world: PodKeeperWorld) {
    this.#world = world;
  }

  /** What is quarantined now or could not be put right, by kind. */
  standing(): ReturnType<StandingDrift["counts"]> {
    return this.#standing.counts();
  }

  /**
   * Compares, puts right what was already so at an earlier look, and tells.
   *
   * @param readAt when (monotonic) the kernel was read
   * @returns how long to wait for the look that confirms what was found; undefined when there is nothing to confirm
   */
  look(
    observed: ObservedNetwork,
    {
      socket,
      enis,
      nodeAddress,
      readAt,
    }: {
      socket: NetlinkSocket;
      enis: readonly StoredEni[];
      nodeAddress: string | undefined;
      readAt: number;
    },
  ): number | undefined {
    const { pool, drifted } = this.#world;
    const { findings, strangers } = planPods(observed, {
      addresses: pool.state.addresses,
      enis,
      nodeAddress,
    });
    if (strangers.length > 0 || pool.state.strangers.length > 0) {
      pool.take({ type: "strangers-seen", strangers });
    }
    const repaired: Drift[] = [];
    const left: FoundDrift[] = [];
    const firstSeen = new Map<string, number>();
    let unconfirmed = false;
    for (const finding of findings) {
      const since = this.#firstSeen.get(finding.key) ?? readAt;
      const isToMend = finding.acts.length > 0;
      // What could not be mended stays confirmed, or each look would find it anew.
      firstSeen.set(finding.key, since);
      if (readAt - since < (finding.standsAfterMs ?? (isToMend ? CONFIRM_MS : 0))) {
        unconfirmed ||= isToMend;
        continue;
      }
      const drift = act(socket, finding);
      if (drift.outcome === "repaired") {
        repaired.push(drift);
        firstSeen.delete(finding.key);
      } else left.push(drift);
    }
    this.#firstSeen = firstSeen;
    const told = [...repaired, ...this.#standing.take(left)];
    if (told.length > 0) drifted(told);
    // A timer may fire a moment early.
    return unconfirmed ? CONFIRM_MS + 5 : undefined;
  }
}

function act(socket: NetlinkSocket, finding: PodFinding): FoundDrift {
  const { key, kind, pod, message, acts, changed, quarantines } = finding;
  const drift = { key, kind, pod, message };
  if (acts.length === 0) return { ...drift, outcome: "quarantined" };
  try {
    socket.batch(acts);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...drift, outcome: "failed", message: `${message}, and that could not be mended: ${why}` };
  }
  if (quarantines) return { ...drift, outcome: "quarantined" };
  return {
    ...drift,
    outcome: "repaired",
    message: `${message}: it is mended; find out who else on this node changes ${changed}`,
  };
}
