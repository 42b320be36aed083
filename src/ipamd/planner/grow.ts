import {
  type Action,
  boundCount,
  capacityOf,
  type EniView,
  isElsewhere,
  isEmptying,
  keptAddresses,
  type NodeView,
  placesTaken,
  type Shortage,
  type SubnetView,
} from "./node-view.ts";
import { selectSubnet } from "./select-subnet.ts";

/** What is kept for pods that wait for addresses of their own. */
export interface KeptRoom {
  /** Of what the node may have in all. */
  readonly total: number;
  /** On each ENI, by id. */
  readonly onEni: ReadonlyMap<string, number>;
}

const NOTHING_KEPT: KeptRoom = { total: 0, onEni: new Map() };

/**
 * Actions that bring a node that has fewer up to `demand + waiting + warm.min` addresses or a few more: first the ENI with most addresses that has room, so that
 * few ENIs are full rather than many half empty; then a new ENI with all it needs in the same call. An ENI that is attached
 * to nothing is attached; an instance takes one at a time, and meanwhile the next is made.
 *
 * While an ENI with room is busy nothing is begun in its place: it takes the addresses as soon as it can.
 */
export function grow(view: NodeView, kept = NOTHING_KEPT): { actions: Action[]; shortage?: Shortage } {
  const capacity = capacityOf(view) - kept.total;
  const actions: Action[] = attachNext(view);
  const alone = view.instanceBusy || actions.length > 0;
  let need = Math.min(wantedCount(view), capacity) - boundCount(view);
  const left = leftIn(view.subnets);
  let dry = false;

  for (const { eni, room } of withRoom(view, kept)) {
    if (need <= 0) break;
    const free = left.get(eni.subnetId) ?? 0;
    const count = Math.min(need, room, free);
    if (count < Math.min(need, room)) dry = true;
    if (eni.ready && !eni.busy && count > 0) actions.push({ kind: "assign", eniId: eni.id, count });
    left.set(eni.subnetId, free - count);
    need -= count;
  }

  const limited = view.demand > capacity ? limitReached(view) : undefined;
  // What an ENI brings that is being made is known when it is there.
  if (need <= 0 || view.creating !== undefined) return result(actions, limited);
  if (placesTaken(view) >= view.limit.enis) {
    return result(actions, dry ? "subnet-full" : (limited ?? heldUp(view)));
  }
  const subnets = forNewEnis(view, left);
  const subnet = selectSubnet(subnets);
  if (subnet === undefined) return result(actions, subnets.length === 0 ? "no-subnet" : "subnet-full");
  const addresses = Math.min(need, view.limit.addressesPerEni, subnet.free - 1);
  actions.push({ kind: "create-eni", subnetId: subnet.id, addresses, alone });
  return result(actions, limited);
}

/**
 * How many addresses the node is to have when it grows: at least `min` ready, and a quarter of what may be ready beyond that, since
 * pods that come and go one by one would otherwise cost a call each time that there are a few more than ever before.
 */
function wantedCount(view: NodeView): number {
  const { min, max } = view.warm;
  const least = view.demand + view.waiting + min;
  return boundCount(view) >= least ? boundCount(view) : least + Math.floor((max - min) / 4);
}

function result(
  actions: Action[],
  shortage: Shortage | undefined,
): { actions: Action[]; shortage?: Shortage } {
  return { actions, ...(shortage !== undefined && { shortage }) };
}

/** What is to be attached now: one after the other, while the next ones are made already. */
export function attachNext(view: NodeView): Action[] {
  const [next] = view.instanceBusy ? [] : attachable(view);
  return next === undefined ? [] : [{ kind: "attach", eniId: next.id }];
}

/** ENIs that are attached to nothing, as far as there are places for them. */
export function attachable(view: NodeView): EniView[] {
  const unattached = view.enis.filter((eni) => eni.unattached);
  const taking = unattached.filter((eni) => !eni.staysDetached);
  const places = view.limit.enis - (placesTaken(view) - taking.length);
  return unattached.filter((eni) => !eni.busy && !isEmptying(eni)).slice(0, Math.max(0, places));
}

export function limitReached(view: NodeView): Shortage {
  return capacityOf(view) < view.limit.quota ? "eni-full" : "quota";
}

/** Pods go without because others stay on ENIs that are to go. */
function heldUp(view: NodeView): Shortage | undefined {
  const stays = view.enis.some((eni) => isEmptying(eni) && keptAddresses(eni).length > 0);
  return stays && view.demand > boundCount(view) ? "draining" : undefined;
}

export function leftIn(subnets: readonly SubnetView[]): Map<string, number> {
  return new Map(subnets.map((subnet) => [subnet.id, subnet.free]));
}

export function forNewEnis(view: NodeView, left: ReadonlyMap<string, number>): SubnetView[] {
  return view.subnets
    .filter((subnet) => subnet.forNewEnis)
    .map((subnet) => ({ ...subnet, free: left.get(subnet.id) ?? 0 }));
}

/** ENIs that can take more addresses, the fullest first. */
function withRoom(view: NodeView, { onEni } = NOTHING_KEPT): { eni: EniView; room: number }[] {
  const coming = new Set(attachable(view));
  return view.enis
    .filter((eni) => !isEmptying(eni) && !isElsewhere(eni) && (!eni.unattached || coming.has(eni)))
    .map((eni) => ({
      eni,
      room: view.limit.addressesPerEni - eni.addresses.length - (onEni.get(eni.id) ?? 0),
    }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => a.room - b.room || (a.eni.id < b.eni.id ? -1 : 1));
}

/** Addresses that the node could still get beyond those it has: its limits, and what the subnets have left, as `grow` takes it. */
export function roomOf(view: NodeView): number {
  const { limit, creating } = view;
  const left = leftIn(view.subnets);
  let room = 0;
  function take(subnetId: string, most: number): void {
    const free = left.get(subnetId) ?? 0;
    const count = Math.max(0, Math.min(most, free));
    left.set(subnetId, free - count);
    room += count;
  }
  for (const { eni, room: ofEni } of withRoom(view)) take(eni.subnetId, ofEni);
  if (creating !== undefined) take(creating.subnetId, limit.addressesPerEni - creating.addresses);
  for (let places = limit.enis - placesTaken(view); places > 0; places--) {
    const subnet = selectSubnet(forNewEnis(view, left));
    if (subnet === undefined) break;
    // Each ENI takes an address for itself.
    left.set(subnet.id, subnet.free - 1);
    take(subnet.id, limit.addressesPerEni);
  }
  return Math.max(0, Math.min(room, capacityOf(view) - boundCount(view)));
}
