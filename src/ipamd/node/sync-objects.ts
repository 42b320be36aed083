import type { Reclaim } from "../../api/reclaim.ts";
import type { VpcENI, VpcENISpec, VpcENIStatus } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { pairAddresses } from "../claims/pair-addresses.ts";
import { isHeld } from "../objects/is-held.ts";
import { isServedAddress } from "../objects/is-served-address.ts";
import { withoutReclaim } from "../objects/without-reclaim.ts";
import type { ClaimNeed } from "../planner/node-view.ts";
import { gatewayOf } from "./gateway-of.ts";
import type { NodeWorld } from "./node-world.ts";

/** Which ENIs are meant: those of a node, on that instance. */
export interface NodeOnInstance {
  node: string;
  instanceId: string;
  /** Secondary addresses that an ENI can have, for people. */
  addressesPerEni: number;
  /** What its pods wait for: new addresses are for them. */
  needs?: readonly ClaimNeed[];
}

/** The same; what has got its address is taken off `needs`. */
type Waiting = NodeOnInstance & { needs: ClaimNeed[] };

/**
 * Brings the objects of a node's ENIs and addresses in line with what the cloud was last seen to say: what has no object is
 * adopted, what is proven gone loses its object.
 */
export async function syncObjects(world: NodeWorld, on: NodeOnInstance): Promise<void> {
  const which = { ...on, needs: [...(on.needs ?? [])] };
  for (const eni of world.view.ofNode(which.node)) {
    if (world.objects.enis.get(eni.id) === undefined && belongs(eni, which))
      await adoptEni(world, eni, which);
  }
  for (const veni of world.objects.enisOf(which.node)) {
    if (veni.spec.instanceID === which.instanceId) await syncEni(world, veni, which);
  }
  await syncStrayAddresses(world, which);
}

/** Whether the node has an ENI without an object. */
export function hasUnadopted(world: NodeWorld, which: Pick<NodeOnInstance, "node" | "instanceId">): boolean {
  return world.view
    .ofNode(which.node)
    .some((eni) => world.objects.enis.get(eni.id) === undefined && belongs(eni, which));
}

/** ENIs made for the node that are on its instance, or came to rest on none: nobody else would look after those. */
function belongs(eni: Eni, { instanceId }: Pick<NodeOnInstance, "instanceId">): boolean {
  return eni.instanceId === instanceId || (eni.instanceId === undefined && eni.state === "available");
}

/** Makes the object of an ENI that has none. */
export async function adoptEni(world: NodeWorld, eni: Eni, which: NodeOnInstance): Promise<void> {
  const subnet = await world.subnets.get(eni.subnetId);
  if (subnet === undefined)
    throw new Error(`the cloud knows no subnet ${eni.subnetId}, in which ${eni.id} is`);
  await world.objects.writeEni(eni.id, {
    type: "Shared",
    node: which.node,
    instanceID: which.instanceId,
    mac: eni.mac,
    subnetID: eni.subnetId,
    subnetCIDR: subnet.cidr,
    gateway: gatewayOf(subnet.cidr),
    primaryIP: eni.primaryAddress,
    intent: "Attached",
  });
}

async function syncEni(world: NodeWorld, veni: VpcENI, which: Waiting): Promise<void> {
  const { view, objects } = world;
  const id = veni.metadata.name;
  const vips = objects.addressesOf(which.node).filter((vip) => vip.spec.eniID === id);
  const served = vips.filter(isServedAddress);
  view.expect(id, served.map(addressOf));
  if (view.isGone(id)) {
    for (const vip of vips) await dropAddress(world, vip);
    await objects.dropEni(veni);
    world.tokens.spend(veni.spec.reclaim?.token);
    world.subnets.gaveBack(veni.spec.subnetID);
    world.claims?.book.forgetEni(id);
    view.forget(id);
    world.logger.info(
      { node: which.node, eni: id, addresses: vips.length },
      "the ENI is gone, and its objects with it",
    );
    return;
  }
  const eni = view.get(id);
  if (eni === undefined) return;
  const { unassigned } = veni.status?.cloud ?? {};
  await objects.writeEniStatus(id, {
    ...eniStatus(eni, which.addressesPerEni, world.clock.now()),
    ...(unassigned !== undefined && { unassigned }),
  });
  reserveUnassigned(world, veni);
  // A user's delete is a request to reclaim, answered once no pod holds one of its addresses.
  if (veni.metadata.deletionTimestamp !== undefined) await askForEni(world, veni, "when-free");
  if (eni.state === "available" && eni.instanceId === which.instanceId) {
    await adoptAddresses(world, eni, which);
    await correctAddresses(world, eni, which);
  } else if (eni.state === "available" && eni.instanceId === undefined) {
    // Nobody can use it there; by its object it is found when its pod comes.
    await adoptAddresses(world, eni, { ...which, onlyKept: true });
  }
  await Promise.all(served.map((vip) => syncAddress(world, vip)));
}

/** Addresses whose ENI has no object: they go when the cloud is seen to lack them. */
async function syncStrayAddresses(world: NodeWorld, which: NodeOnInstance): Promise<void> {
  const { view, objects } = world;
  const strays = objects
    .addressesOf(which.node)
    .filter((vip) => vip.spec.instanceID === which.instanceId && !objects.enis.get(vip.spec.eniID));
  for (const [eniId, vips] of Map.groupBy(strays, (vip) => vip.spec.eniID)) {
    const served = vips.filter(isServedAddress);
    view.expect(eniId, served.map(addressOf));
    if (view.isGone(eniId)) {
      for (const vip of vips) await dropAddress(world, vip);
      view.forget(eniId);
    } else {
      for (const vip of served) await syncAddress(world, vip);
    }
  }
}

function eniStatus(eni: Eni, addressesPerEni: number, now: number): NonNullable<VpcENIStatus["cloud"]> {
  const attached = eni.state === "available" && eni.instanceId !== undefined;
  return {
    state: attached ? "Attached" : ENI_STATES[eni.state],
    addresses: eni.addresses.length,
    usage: `${eni.addresses.length}/${addressesPerEni}`,
    since: new Date(now).toISOString(),
  };
}

/** What a former leader has taken off an ENI is reserved there for this one, too. */
function reserveUnassigned({ view, clock }: NodeWorld, { metadata, status }: VpcENI): void {
  for (const { address, until } of status?.cloud?.unassigned ?? []) {
    const leftMs = Date.parse(until) - clock.now();
    if (leftMs > 0) view.reserve(metadata.name, address, clock.monotonic() + leftMs);
  }
}

const ENI_STATES = {
  pending: "Pending",
  available: "Available",
  attaching: "Attaching",
  detaching: "Detaching",
  deleting: "Deleting",
} as const satisfies Record<Eni["state"], string>;

function addressOf({ metadata }: VpcIP): string {
  return addressOfVpcIp(metadata.name);
}

/** Lets go of the object of an address: the cloud has taken that off, or the object is to begin a new life. */
export async function dropAddress(world: NodeWorld, vip: VpcIP): Promise<void> {
  await world.objects.dropAddress(vip);
  world.tokens.spend(vip.spec.reclaim?.token);
  if (vip.spec.claim !== undefined) world.claims?.addressLost(vip.spec.claim);
}

/** Asks the node's agent to let an ENI go; once, and again where a former leader has asked. */
export async function askForEni(world: NodeWorld, veni: VpcENI, mode: Reclaim["mode"]): Promise<void> {
  const asked = veni.spec.reclaim;
  if (asked !== undefined && world.tokens.isValid(asked.token)) return;
  const reclaim: Reclaim = { token: world.tokens.issue(), mode };
  await world.objects.writeEni(veni.metadata.name, { ...veni.spec, intent: "Released", reclaim });
}

/** An agent that refused to let an ENI go keeps it: it is filled again. What a former leader has asked is asked anew. */
export async function keepRefusedEni(world: NodeWorld, veni: VpcENI): Promise<void> {
  const { reclaim, ...spec } = veni.spec;
  const use = veni.status?.use;
  if (reclaim === undefined) {
    const isAttached = world.view.get(veni.metadata.name)?.instanceId !== undefined;
    // A promise without its question is from a backup of the object, or of somebody's edit: the agent keeps it for good.
    const isOpen = spec.intent === "Released" || use?.state === "Reclaimable";
    if (isOpen && isAttached) await askForEni(world, veni, "now");
    return;
  }
  if (!world.tokens.isValid(reclaim.token)) return askForEni(world, veni, reclaim.mode);
  if (use?.token !== reclaim.token || use.state !== "Refused") return;
  const kept: VpcENISpec = { ...spec, intent: "Attached" };
  await world.objects.writeEni(veni.metadata.name, kept);
  world.tokens.spend(reclaim.token);
}

async function adoptAddresses(
  world: NodeWorld,
  eni: Eni,
  { onlyKept = false, ...which }: Waiting & { onlyKept?: boolean },
): Promise<void> {
  const now = world.clock.monotonic();
  const { claims } = world;
  // A claim has no other address than its own: its pod would wait for minutes where that comes back to an ENI that it was taken off.
  const isUsable = (address: string) =>
    (!onlyKept && !world.view.isReserved(eni.id, address, now)) || claims?.isKept(address) === true;
  const fresh = eni.addresses.filter(
    ({ address, state }) =>
      state === "available" && world.objects.vipOf(address) === undefined && isUsable(address),
  );
  const since = new Date(world.clock.now()).toISOString();
  const keys = pairAddresses({
    addresses: fresh.map(({ address }) => address),
    subnetId: eni.subnetId,
    claimOfAddress: (address) => claims?.ofAddress(address),
    needs: which.needs,
  });
  // Another ENI of the node has new ones as well.
  const served = new Set(keys.values());
  which.needs.splice(0, which.needs.length, ...which.needs.filter(({ key }) => !served.has(key)));
  await Promise.all(
    fresh.map(async ({ address }) => {
      const claim = keys.get(address);
      await world.objects.writeAddress(address, {
        type: "Pod",
        subnetID: eni.subnetId,
        eniID: eni.id,
        node: which.node,
        instanceID: which.instanceId,
        ...(claim !== undefined && { claim }),
      });
      await world.objects.writeAddressStatus(address, { state: "Assigned", since });
      // Nobody else can have been given it meanwhile.
      if (claim !== undefined) await claims?.gaveAddress(claim, { address, subnetId: eni.subnetId });
    }),
  );
  // The scheduler's extender counts by them.
  if (claims !== undefined && fresh.length > 0) world.subnets.named(eni.subnetId);
}

/**
 * An object that says of an address of this ENI what the cloud does not (somebody edited it, or it is from a backup): rewritten where
 * no pod holds the address, since then there is one right answer.
 */
async function correctAddresses(world: NodeWorld, eni: Eni, which: NodeOnInstance): Promise<void> {
  for (const { address } of eni.addresses) {
    const vip = world.objects.vipOf(address);
    if (vip === undefined || vip.spec.eniID !== eni.id || isHeld(vip)) continue;
    if (vip.spec.node === which.node && vip.spec.instanceID === which.instanceId) continue;
    await world.objects.changeAddress(address, (spec) => ({
      ...spec,
      node: which.node,
      instanceID: which.instanceId,
    }));
  }
}

async function syncAddress(world: NodeWorld, vip: VpcIP): Promise<void> {
  const { view, objects } = world;
  const address = addressOf(vip);
  const { eniID } = vip.spec;
  const releasing = vip.status?.cloud?.state === "Releasing";
  const isAbsent = view.isAddressAbsent(eniID, address);
  if ((isAbsent && (releasing || hasMovedAway(world, vip))) || view.isAddressGone(eniID, address)) {
    await dropAddress(world, vip);
    view.forgetAddress(eniID, address);
    return;
  }
  if (vip.status?.cloud === undefined && view.get(eniID)?.addresses.some((a) => a.address === address)) {
    // Whoever made the object did not come to it.
    await objects.writeAddressStatus(address, {
      state: "Assigned",
      since: new Date(world.clock.now()).toISOString(),
    });
  }
  if (releasing && isToStay(world, vip)) {
    await objects.writeAddressStatus(address, {
      state: "Assigned",
      since: new Date(world.clock.now()).toISOString(),
    });
  }
  const { reclaim, claim } = vip.spec;
  if (claim !== undefined && world.claims === undefined) {
    // Addresses are fixed no more: the planner counts on it, and no agent would give it to any pod of another name.
    await objects.changeAddress(address, ({ claim: _, ...spec }) => spec);
    return;
  }
  const use = vip.status?.use;
  // What a claim has said of it meanwhile stands.
  const change = (to: (spec: VpcIP["spec"]) => VpcIP["spec"]) =>
    objects.changeAddress(address, (spec) =>
      spec.reclaim?.token === reclaim?.token && spec.claim === claim ? to(spec) : spec,
    );
  if (reclaim !== undefined && !world.tokens.isValid(reclaim.token)) {
    const anew = { token: world.tokens.issue(), mode: reclaim.mode };
    await change((spec) => ({ ...spec, reclaim: anew }));
  } else if (reclaim !== undefined && use?.token === reclaim.token && use.state === "Refused") {
    await change(withoutReclaim);
    world.tokens.spend(reclaim.token);
  } else if (world.claims === undefined && isOutlived(vip)) {
    await change(withoutReclaim);
    world.tokens.spend(reclaim?.token);
  } else if (reclaim === undefined && use?.state === "Reclaimable" && !world.claims?.isClaimed(vip)) {
    // The agent has closed the door for good, and the question is lost: the object is from a backup, or was edited.
    const asked = { token: world.tokens.issue(), mode: "now" } as const;
    await change((spec) => ({ ...spec, reclaim: asked }));
  } else if (
    reclaim === undefined &&
    vip.metadata.deletionTimestamp !== undefined &&
    !world.claims?.isClaimed(vip)
  ) {
    // A user's delete is a request to reclaim, answered once no pod holds the address.
    const asked = { token: world.tokens.issue(), mode: "when-free" } as const;
    await change((spec) => ({ ...spec, reclaim: asked }));
  }
}

/**
 * Whether the address of a claim, which nobody holds here, is on another ENI: a call that was to move it came after all, when it was given up. An address is in
 * one place: that need not be seen twice, and its next pod would be given what is not there any more.
 */
function hasMovedAway({ view, claims }: NodeWorld, vip: VpcIP): boolean {
  if (claims === undefined || vip.spec.claim === undefined || isHeld(vip)) return false;
  const address = addressOf(vip);
  const home = view.eniWith(address);
  if (home === undefined || home.id === vip.spec.eniID) return false;
  return home.addresses.some((it) => it.address === address && it.state === "available");
}

/** Whether an address of a claim is still where a call was to take it off, and nobody wants it elsewhere any more: that was refused. */
function isToStay({ view, claims }: NodeWorld, vip: VpcIP): boolean {
  const { claim, eniID, node } = vip.spec;
  if (claim === undefined || !claims?.isClaimed(vip) || view.isBusy(eniID)) return false;
  const address = addressOf(vip);
  const isThere = view.get(eniID)?.addresses.some((it) => it.address === address && it.state === "available");
  return isThere === true && (claims.nodeOf(claim) ?? node) === node;
}

/**
 * Whether an address is asked back for a user's delete that nobody has asked for any more: the object is from a backup of before it, and
 * our question was written to it since. It would be asked back for as long as a pod holds it, and go then.
 * Where pods have claims, the end of a claim asks in the same way.
 */
function isOutlived({ metadata, spec, status }: VpcIP): boolean {
  return (
    spec.reclaim?.mode === "when-free" &&
    metadata.deletionTimestamp === undefined &&
    status?.use?.state !== "Reclaimable"
  );
}
