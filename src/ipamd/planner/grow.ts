import {
  type Action,
  boundCount,
  capacityOf,
  type EniView,
  type NodeView,
  type Shortage,
  type SubnetView,
} from "./node-view.ts";
import { selectSubnet } from "./select-subnet.ts";

/**
 * Actions that bring a node up to `demand + waiting + warm.min` addresses: first the ENI with most addresses that has room, so that
 * few ENIs are full rather than many half empty; then a new ENI with all it needs in the same call. An ENI that is attached
 * to nothing is attached.
 *
 * While an ENI with room is busy nothing is begun in its place: it takes the addresses as soon as it can.
 */
export function grow(view: NodeView): { actions: Action[]; shortage?: Shortage } {
  const capacity = capacityOf(view);
  const actions: Action[] = attachAll(view);
  const wanted = view.demand + view.waiting + view.warm.min;
  let need = Math.min(wanted, capacity) - boundCount(view);
  let shortage: Shortage | undefined = view.demand > capacity ? limitReached(view) : undefined;
  const left = new Map(view.subnets.map((subnet) => [subnet.id, subnet.free]));

  for (const { eni, room } of withRoom(view)) {
    if (need <= 0) break;
    const free = left.get(eni.subnetId) ?? 0;
    const count = Math.min(need, room, free);
    if (count < Math.min(need, room)) shortage = "subnet-full";
    if (eni.ready && !eni.busy && count > 0) actions.push({ kind: "assign", eniId: eni.id, count });
    left.set(eni.subnetId, free - count);
    need -= count;
  }

  if (need > 0 && view.creating === undefined && view.enis.length < view.limit.enis) {
    const subnets = view.subnets
      .filter((subnet) => subnet.forNewEnis)
      .map((subnet): SubnetView => ({ ...subnet, free: left.get(subnet.id) ?? 0 }));
    const subnet = selectSubnet(subnets);
    if (subnet === undefined) {
      shortage = subnets.length === 0 ? "no-subnet" : "subnet-full";
    } else {
      const addresses = Math.min(need, view.limit.addressesPerEni, subnet.free - 1);
      actions.push({ kind: "create-eni", subnetId: subnet.id, addresses });
      // Another subnet of the zone gives what this one could not: nothing is short yet.
      shortage = undefined;
    }
  }
  return { actions, ...(shortage !== undefined && { shortage }) };
}

function attachAll(view: NodeView): Action[] {
  const attached = view.enis.filter((eni) => !eni.unattached).length;
  return view.enis
    .filter((eni) => eni.unattached && !eni.busy && !eni.draining && eni.leaving === "no")
    .slice(0, Math.max(0, view.limit.enis - attached))
    .map((eni) => ({ kind: "attach", eniId: eni.id }));
}

function limitReached(view: NodeView): Shortage {
  return capacityOf(view) < view.limit.quota ? "eni-full" : "quota";
}

/** ENIs that can take more addresses, the fullest first. */
function withRoom(view: NodeView): { eni: EniView; room: number }[] {
  return view.enis
    .filter((eni) => eni.leaving === "no" && !eni.draining)
    .map((eni) => ({ eni, room: view.limit.addressesPerEni - eni.addresses.length }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => a.room - b.room || (a.eni.id < b.eni.id ? -1 : 1));
}

/** Addresses that the node could still get beyond those it has: its limits, and what the subnets have left. */
export function roomOf(view: NodeView): number {
  const left = new Map(view.subnets.map((subnet) => [subnet.id, subnet.free]));
  let room = 0;
  for (const { eni, room: ofEni } of withRoom(view)) {
    const count = Math.min(ofEni, left.get(eni.subnetId) ?? 0);
    left.set(eni.subnetId, (left.get(eni.subnetId) ?? 0) - count);
    room += count;
  }
  const coming = view.creating === undefined ? 0 : 1;
  let newEnis = Math.max(0, view.limit.enis - view.enis.length - coming);
  for (const subnet of view.subnets.filter((it) => it.forNewEnis)) {
    // Each ENI takes an address for itself.
    for (let free = left.get(subnet.id) ?? 0; free >= 2 && newEnis > 0; newEnis--) {
      const count = Math.min(view.limit.addressesPerEni, free - 1);
      room += count;
      free -= count + 1;
    }
  }
  return Math.max(0, Math.min(room, capacityOf(view) - boundCount(view)));
}
