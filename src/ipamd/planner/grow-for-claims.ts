import { attachable, attachNext, forNewEnis, type KeptRoom, leftIn, limitReached } from "./grow.ts";
import {
  type Action,
  boundCount,
  type ClaimNeed,
  type ClaimShortage,
  capacityOf,
  type EniView,
  isElsewhere,
  isOfPodAlone,
  keptAddresses,
  type NodeView,
  placesTaken,
  type SubnetView,
} from "./node-view.ts";
import { selectSubnet } from "./select-subnet.ts";

export interface ClaimGrowth {
  actions: Action[];
  /** By the key of its claim, why a pod gets no address now; absent of one that gets its, or waits for something under way. */
  shortages: ReadonlyMap<string, ClaimShortage>;
  /** Room that these pods are to have, now or once what is in their way is over. */
  kept: KeptRoom;
  /** What is left of the node's subnets. */
  subnets: readonly SubnetView[];
}

/** An ENI, and the needs that it is to take. */
interface Place {
  readonly eni: EniView;
  room: number;
  readonly needs: ClaimNeed[];
}

/**
 * Actions that bring pods the addresses of their claims: on an ENI of the claim's subnet, the fullest first; where none has room, a
 * new one in that subnet, with all that is needed there in the same call. An address that is to be moved waits until it is proven that
 * nobody uses it where it is; its place here is made meanwhile.
 */
export function growForClaims(view: NodeView, needs: readonly ClaimNeed[]): ClaimGrowth {
  const places = placesOf(view);
  const left = leftIn(view.subnets);
  const reachable = new Set([...left.keys(), ...view.enis.map(({ subnetId }) => subnetId)]);
  let capacity = capacityOf(view) - boundCount(view);
  let unplaced: ClaimNeed[] = [];
  const shortages = new Map<string, ClaimShortage>();
  const open = withoutArriving(needs, view);
  for (const need of open) {
    // Whatever room there is: a larger node would not help.
    if (need.subnetId !== undefined && !reachable.has(need.subnetId)) {
      shortages.set(need.key, "other-zone");
      continue;
    }
    if (capacity <= 0) {
      shortages.set(need.key, limitReached(view));
      continue;
    }
    const free = (subnetId: string) => left.get(subnetId) ?? 0;
    const withRoom = places.filter((it) => takes(it, need));
    const place = withRoom.find(({ eni }) => !takesFromSubnet(need) || free(eni.subnetId) > 0);
    if (place !== undefined) {
      if (takesFromSubnet(need)) left.set(place.eni.subnetId, free(place.eni.subnetId) - 1);
      place.needs.push(need);
      place.room--;
      capacity--;
    } else if (withRoom.length > 0 && need.subnetId !== undefined) {
      shortages.set(need.key, "subnet-full");
    } else {
      unplaced.push(need);
    }
  }
  const actions = places.flatMap(actionFor);
  // What an ENI brings that is being made is known when it is there.
  while (unplaced.length > 0 && view.creating === undefined) {
    const made = makeEni(view, { unplaced, left, capacity });
    if (made.action !== undefined) {
      const { subnetId, addresses } = made.action;
      left.set(subnetId, (left.get(subnetId) ?? 0) - addresses - 1);
      actions.push(made.action);
      break;
    }
    for (const { key } of made.without) shortages.set(key, made.shortage);
    unplaced = unplaced.filter((need) => !made.without.includes(need));
  }
  const subnets = view.subnets.map((subnet) => ({ ...subnet, free: left.get(subnet.id) ?? 0 }));
  const misplaced = [...shortages.values()].filter(isOfPodAlone);
  const kept = {
    total: open.length - misplaced.length,
    onEni: new Map(places.map((it) => [it.eni.id, it.needs.length])),
  };
  return { actions, shortages, kept, subnets };
}

/**
 * The needs that nothing is under way for: what has no object yet, since its ENI is being attached or has been a moment ago, counts as the
 * node's, and is for the oldest that take any address of its subnet.
 */
function withoutArriving(needs: readonly ClaimNeed[], view: NodeView): ClaimNeed[] {
  const open = [...needs];
  for (const eni of serving(view)) {
    const takesIt = ({ subnetId, wants }: ClaimNeed) =>
      wants.kind === "any" && (subnetId ?? eni.subnetId) === eni.subnetId;
    for (const { isNew } of keptAddresses(eni)) {
      const index = isNew ? open.findIndex(takesIt) : -1;
      if (index >= 0) open.splice(index, 1);
    }
  }
  return open;
}

/** ENIs that are the node's, or will be. */
function serving(view: NodeView): EniView[] {
  const coming = new Set(attachable(view));
  return view.enis.filter(
    (eni) => eni.leaving === "no" && !isElsewhere(eni) && (!eni.unattached || coming.has(eni) || eni.busy),
  );
}

/** ENIs that can take more addresses, the fullest first. One that drains still takes addresses that are of its subnet already. */
function placesOf(view: NodeView): Place[] {
  return serving(view)
    .map((eni) => ({ eni, room: view.limit.addressesPerEni - eni.addresses.length, needs: [] }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => a.room - b.room || (a.eni.id < b.eni.id ? -1 : 1));
}

function takes({ eni, room }: Place, { subnetId, wants }: ClaimNeed): boolean {
  if (room <= 0 || (eni.draining && wants.kind === "any")) return false;
  return subnetId === undefined || eni.subnetId === subnetId;
}

/** Whether the subnet has one address less afterwards; one that is moved is taken already. */
function takesFromSubnet({ wants }: ClaimNeed): boolean {
  return wants.kind !== "move";
}

/**
 * The next call for an ENI: the oldest need says which. Those that take any address go together; one that is named goes alone, since a
 * call is refused as a whole where somebody has one of its addresses.
 */
function actionFor({ eni, needs }: Place): Action[] {
  if (!eni.ready || eni.busy) return [];
  const first = needs.find(({ wants }) => wants.kind !== "move" || wants.proven);
  if (first === undefined) return [];
  const { wants } = first;
  switch (wants.kind) {
    case "any":
      return [{ kind: "assign", eniId: eni.id, count: needs.filter((it) => it.wants.kind === "any").length }];
    case "named":
      return [{ kind: "assign-named", eniId: eni.id, address: wants.address, claim: first.key }];
    case "move":
      return [{ kind: "move", eniId: eni.id, address: wants.address, from: wants.from }];
  }
}

/** Another ENI for the oldest need that has no place, with the addresses that are to be of its subnet; or why those have none. */
function makeEni(
  view: NodeView,
  {
    unplaced,
    left,
    capacity,
  }: { unplaced: readonly ClaimNeed[]; left: ReadonlyMap<string, number>; capacity: number },
):
  | { action: Extract<Action, { kind: "create-eni" }> }
  | { action?: undefined; shortage: ClaimShortage; without: readonly ClaimNeed[] } {
  const [first] = unplaced;
  if (capacity <= 0) return { shortage: limitReached(view), without: unplaced };
  const alike = unplaced.filter((need) => need.subnetId === first?.subnetId);
  if (placesTaken(view) >= view.limit.enis) {
    return { shortage: first?.subnetId === undefined ? limitReached(view) : "last-eni", without: alike };
  }
  const candidates = forNewEnis(view, left);
  const subnetId = first?.subnetId ?? selectSubnet(candidates)?.id;
  if (first === undefined || subnetId === undefined) {
    return { shortage: candidates.length === 0 ? "no-subnet" : "subnet-full", without: alike };
  }
  const free = left.get(subnetId);
  if (free === undefined) return { shortage: "other-zone", without: alike };
  // It takes one for itself.
  if (free < (takesFromSubnet(first) ? 2 : 1)) return { shortage: "subnet-full", without: alike };
  const mine = unplaced.filter((need) => (need.subnetId ?? subnetId) === subnetId);
  const count = mine.filter(({ wants }) => wants.kind === "any").length;
  const alone = view.instanceBusy || attachNext(view).length > 0;
  const addresses = Math.min(count, view.limit.addressesPerEni, free - 1, capacity);
  return { action: { kind: "create-eni", subnetId, addresses, alone } };
}
