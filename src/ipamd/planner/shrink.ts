import { type Action, boundCount, type EniView, keptAddresses, type NodeView } from "./node-view.ts";

/** Pace of giving back, as TKE has it: one address every two minutes, and only once the surplus has lasted that long. */
export const RELEASE_INTERVAL_MS = 120_000;

/** What the planner of a node remembers between two plans. */
export interface ShrinkMemory {
  /** Since when the node has had more than it may keep warm; monotonic milliseconds. */
  surplusSince?: number;
  /** When an address was last asked back because of a surplus. */
  askedAt?: number;
}

export interface ShrinkOptions {
  /** The whole surplus at each interval instead of one address (`--enable-quick-release`). */
  quick: boolean;
  now: number;
}

/**
 * Addresses to ask back when a node has more than `demand + warm.max`: free ones, of the ENI with fewest kept first, so that
 * ENIs empty out and can go. The agent decides whether each is really free: this only asks.
 */
export function shrink(
  view: NodeView,
  memory: ShrinkMemory,
  options: ShrinkOptions,
): { actions: Action[]; memory: ShrinkMemory } {
  const surplus = boundCount(view) - (view.demand + view.warm.max);
  if (surplus <= 0) return { actions: [], memory: {} };
  const since = memory.surplusSince ?? options.now;
  const due = Math.max(since, memory.askedAt ?? 0) + RELEASE_INTERVAL_MS;
  if (options.now < due) return { actions: [], memory: { ...memory, surplusSince: since } };
  const asked = leastUsedFirst(view).slice(0, options.quick ? surplus : 1);
  if (asked.length === 0) return { actions: [], memory: { ...memory, surplusSince: since } };
  return {
    actions: asked.map((address) => ({ kind: "ask-back", address })),
    memory: { surplusSince: since, askedAt: options.now },
  };
}

/** Addresses that no pod is known to hold, those of the least used ENI first; within an ENI, free before cooling down. */
function leastUsedFirst(view: NodeView): string[] {
  const kept = (eni: EniView) => keptAddresses(eni).length;
  return view.enis
    .toSorted((a, b) => kept(a) - kept(b) || (a.id < b.id ? -1 : 1))
    .flatMap((eni) => {
      const idle = keptAddresses(eni);
      return [...idle.filter((a) => a.use === "free"), ...idle.filter((a) => a.use === "cooling-down")];
    })
    .map((a) => a.address);
}
