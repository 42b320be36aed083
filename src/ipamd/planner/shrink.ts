import {
  type Action,
  type AddressView,
  boundCount,
  capacityOf,
  type EniView,
  keptAddresses,
  type NodeView,
} from "./node-view.ts";

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
 * Addresses to ask back: at once what the node may not have (an ENI that drains, more than its limits allow), and slowly what it
 * has more than `demand + waiting + warm.max`. Of a surplus free ones, of the ENI with fewest kept first, so that ENIs empty out and
 * can go. The agent decides whether each is really free: this only asks.
 */
export function shrink(
  view: NodeView,
  memory: ShrinkMemory,
  options: ShrinkOptions,
): { actions: Action[]; memory: ShrinkMemory } {
  const atOnce = new Set([...draining(view), ...aboveLimits(view)]);
  const surplus = boundCount(view) - (view.demand + view.waiting + view.warm.max) - atOnce.size;
  const slow = surplus > 0 ? inTime(view, { memory, options, surplus, except: atOnce }) : { memory: {} };
  return {
    actions: [...atOnce, ...(slow.asked ?? [])].map((address) => ({ kind: "ask-back", address })),
    memory: slow.memory,
  };
}

function inTime(
  view: NodeView,
  {
    memory,
    options,
    surplus,
    except,
  }: { memory: ShrinkMemory; options: ShrinkOptions; surplus: number; except: ReadonlySet<string> },
): { asked?: string[]; memory: ShrinkMemory } {
  const since = memory.surplusSince ?? options.now;
  const due = Math.max(since, memory.askedAt ?? 0) + RELEASE_INTERVAL_MS;
  const waits = { memory: { ...memory, surplusSince: since } };
  if (options.now < due) return waits;
  const asked = leastUsedFirst(view)
    .filter((address) => !except.has(address))
    .slice(0, options.quick ? surplus : 1);
  if (asked.length === 0) return waits;
  return { asked, memory: { surplusSince: since, askedAt: options.now } };
}

/** Addresses of ENIs that drain: all that no pod is known to hold. */
function draining(view: NodeView): string[] {
  return view.enis
    .filter((eni) => eni.draining && eni.leaving === "no")
    .flatMap((eni) => idle(eni.addresses.filter((a) => a.assigned && a.reclaim === "no")))
    .map((a) => a.address);
}

/** What an ENI, or the whole node, has more than it may have. */
function aboveLimits(view: NodeView): string[] {
  const { addressesPerEni } = view.limit;
  const perEni = view.enis.flatMap((eni) => {
    const kept = eni.draining ? [] : keptAddresses(eni);
    return idle(kept).slice(0, Math.max(0, kept.length - addressesPerEni));
  });
  const asked = new Set(perEni.map((a) => a.address));
  const excess = boundCount(view) - asked.size - capacityOf(view);
  const more = leastUsedFirst(view)
    .filter((address) => !asked.has(address))
    .slice(0, Math.max(0, excess));
  return [...asked, ...more];
}

/** Addresses that no pod is known to hold, those of the least used ENI first; within an ENI, free before cooling down. */
function leastUsedFirst(view: NodeView): string[] {
  const kept = (eni: EniView) => keptAddresses(eni).length;
  return view.enis
    .filter((eni) => !eni.draining)
    .toSorted((a, b) => kept(a) - kept(b) || (a.id < b.id ? -1 : 1))
    .flatMap((eni) => idle(keptAddresses(eni)))
    .map((a) => a.address);
}

function idle(addresses: readonly AddressView[]): AddressView[] {
  return [...addresses.filter((a) => a.use === "free"), ...addresses.filter((a) => a.use === "cooling-down")];
}
