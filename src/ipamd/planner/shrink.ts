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
 * What to ask back: at once what the node may not have (an ENI that drains, more than its limits allow), and slowly what it has more
 * than `demand + waiting + warm.max`. Of a surplus free addresses, of the ENI with fewest kept first, so that ENIs empty out and can go.
 * An ENI of which nothing is in use is asked for as a whole where all of it may go: two calls instead of one for each ten
 * addresses. The agent decides whether each is really free: this only asks.
 */
export function shrink(
  view: NodeView,
  memory: ShrinkMemory,
  options: ShrinkOptions,
): { actions: Action[]; memory: ShrinkMemory } {
  const excess = aboveLimits(view);
  const atOnce = [...view.enis.flatMap(drain), ...excess.map(askBack)];
  const surplus = boundCount(view) - (view.demand + view.waiting + view.warm.max) - excess.length;
  const slow =
    surplus > 0 ? inTime(view, { memory, options, surplus, except: new Set(excess) }) : { memory: {} };
  return { actions: [...atOnce, ...(slow.actions ?? [])], memory: slow.memory };
}

function inTime(
  view: NodeView,
  {
    memory,
    options,
    surplus,
    except,
  }: { memory: ShrinkMemory; options: ShrinkOptions; surplus: number; except: ReadonlySet<string> },
): { actions?: Action[]; memory: ShrinkMemory } {
  const since = memory.surplusSince ?? options.now;
  const due = Math.max(since, memory.askedAt ?? 0) + RELEASE_INTERVAL_MS;
  const waits = { memory: { ...memory, surplusSince: since } };
  if (options.now < due) return waits;
  const whole = options.quick && except.size === 0 ? idleEnis(view, surplus) : [];
  const going = new Set(whole.map((eni) => eni.id));
  const left = options.quick ? surplus - boundCount({ enis: whole }) : 1;
  const addresses = leastUsedFirst({ enis: view.enis.filter((eni) => !going.has(eni.id)) })
    .filter((address) => !except.has(address))
    .slice(0, left);
  const actions = [...whole.map(askEniBack), ...addresses.map(askBack)];
  if (actions.length === 0) return waits;
  return { actions, memory: { surplusSince: since, askedAt: options.now } };
}

/** The least used ENIs that hold nothing but what is too much. */
function idleEnis(view: NodeView, surplus: number): EniView[] {
  const whole: EniView[] = [];
  let left = surplus;
  for (const eni of byUse(view.enis)) {
    const count = keptAddresses(eni).length;
    if (count > left || !isIdleEni(eni)) break;
    whole.push(eni);
    left -= count;
  }
  return whole;
}

/** An ENI on its way out: as a whole when no pod is known to hold one of its addresses, else those that none holds. */
function drain(eni: EniView): Action[] {
  if (!eni.draining || eni.leaving !== "no" || eni.unattached) return [];
  if (isIdleEni(eni)) return [askEniBack(eni)];
  return idle(eni.addresses.filter((a) => a.assigned && a.reclaim === "no")).map((a) => askBack(a.address));
}

function isIdleEni(eni: EniView): boolean {
  return (
    eni.ready &&
    !eni.busy &&
    !eni.awaited &&
    eni.leaving === "no" &&
    eni.addresses.every((a) => idle([a]).length > 0)
  );
}

function askBack(address: string): Action {
  return { kind: "ask-back", address };
}

function askEniBack({ id }: EniView): Action {
  return { kind: "ask-eni-back", eniId: id };
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
function leastUsedFirst({ enis }: Pick<NodeView, "enis">): string[] {
  return byUse(enis)
    .flatMap((eni) => idle(keptAddresses(eni)))
    .map((a) => a.address);
}

/** ENIs that stay, the one with fewest addresses first. */
function byUse(enis: readonly EniView[]): EniView[] {
  const kept = (eni: EniView) => keptAddresses(eni).length;
  return enis
    .filter((eni) => !eni.draining && eni.leaving === "no")
    .toSorted((a, b) => kept(a) - kept(b) || (a.id < b.id ? -1 : 1));
}

function idle(addresses: readonly AddressView[]): AddressView[] {
  return [...addresses.filter((a) => a.use === "free"), ...addresses.filter((a) => a.use === "cooling-down")];
}
