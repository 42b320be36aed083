import { countedNode } from "../decide/counted-node.ts";
import { add, addWithin } from "../decide/counts.ts";
import { enisToMake } from "../decide/enis-to-make.ts";
import { NodeNumbers } from "../decide/node-numbers.ts";
import { NodeRooms } from "../decide/node-rooms.ts";
import { awaitedOn, isUnread, latest } from "../decide/promised.ts";
import type { AddressView, ClusterParts, ClusterView } from "../decide/world.ts";

/** By which all made worlds, and what is reserved in them, count nodes. */
export const madeNumbers = new NodeNumbers();

/** What ClusterState has of these things, counted from nothing: what it is compared with. */
export function clusterView(parts: ClusterParts): ClusterView {
  const bound = new Map<string, AddressView>();
  const spokenFor = new Map<string, number>();
  const onEnis = new Map<string, Map<string, number>>();
  for (const address of parts.addresses.values()) {
    if (address.claim !== undefined) {
      const other = bound.get(address.claim);
      bound.set(address.claim, latest(other === undefined ? [address] : [other, address]) ?? address);
    }
    if (address.eniId !== undefined) addWithin(onEnis, [address.node, address.eniId]);
    if (isUnread(address, parts.subnets.get(address.subnetId))) add(spokenFor, address.subnetId);
  }
  const claimants = new Map<string, string[]>();
  const awaited = new Map<string, Map<string, number>>();
  for (const claim of parts.claims.values()) {
    if (claim.address !== undefined) {
      const others = claimants.get(claim.address);
      if (others === undefined) claimants.set(claim.address, [claim.key]);
      else others.push(claim.key);
    }
    const at = bound.get(claim.key);
    const subnetId = at?.subnetId ?? claim.subnetId;
    if (at === undefined) add(spokenFor, subnetId);
    const node = awaitedOn(claim, at);
    if (node !== undefined) addWithin(awaited, [node, subnetId]);
  }
  const nodes = new Map(
    [...parts.nodes].map(([name, node]) => [
      name,
      countedNode(node, { onEni: onEnis.get(name), awaited: awaited.get(name) }),
    ]),
  );
  for (const node of nodes.values()) {
    const { name, creatingIn } = node;
    const here = awaited.get(name);
    for (const [subnetId, count] of here ?? []) add(spokenFor, subnetId, enisToMake(node, subnetId, count));
    if (creatingIn !== undefined && here?.has(creatingIn) !== true) add(spokenFor, creatingIn);
  }
  const rooms = new NodeRooms(madeNumbers);
  for (const node of nodes.values()) rooms.put(node);
  return { ...parts, nodes, bound, claimants, rooms, spokenFor };
}
