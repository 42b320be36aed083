import { type Action, boundCount, type EniView, type NodeView, type Shortage } from "./node-view.ts";
import { selectSubnet } from "./select-subnet.ts";

/**
 * Actions that bring a node up to `demand + warm.min` addresses: first the ENI with most addresses that has room, so that few
 * ENIs are full rather than many half empty; then a new ENI with all it needs in the same call.
 *
 * While an ENI with room is busy nothing is begun in its place: it takes the addresses as soon as it can.
 */
export function grow(view: NodeView): { actions: Action[]; shortage?: Shortage } {
  const capacity = view.limit.enis * view.limit.addressesPerEni;
  const actions: Action[] = [];
  let need = Math.min(view.demand + view.warm.min, capacity) - boundCount(view);
  let shortage: Shortage | undefined = view.demand > capacity ? "quota" : undefined;

  for (const { eni, room } of withRoom(view)) {
    if (need <= 0) break;
    const free = view.subnets.find((s) => s.id === eni.subnetId)?.free ?? 0;
    const count = Math.min(need, room, free);
    if (count < Math.min(need, room)) shortage = "subnet-full";
    if (eni.ready && !eni.busy && count > 0) actions.push({ kind: "assign", eniId: eni.id, count });
    need -= count;
  }

  if (need > 0 && view.creating === undefined && view.enis.length < view.limit.enis) {
    const subnet = selectSubnet(view.subnets);
    if (subnet === undefined) {
      shortage = view.subnets.length === 0 ? "no-subnet" : "subnet-full";
    } else {
      const addresses = Math.min(need, view.limit.addressesPerEni, subnet.free - 1);
      actions.push({ kind: "create-eni", subnetId: subnet.id, addresses });
      // Another subnet of the zone gives what this one could not: nothing is short yet.
      shortage = undefined;
    }
  }
  return { actions, ...(shortage !== undefined && { shortage }) };
}

/** ENIs that can take more addresses, the fullest first. */
function withRoom(view: NodeView): { eni: EniView; room: number }[] {
  return view.enis
    .filter((eni) => eni.leaving === "no")
    .map((eni) => ({ eni, room: view.limit.addressesPerEni - eni.addresses.length }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => a.room - b.room || (a.eni.id < b.eni.id ? -1 : 1));
}
