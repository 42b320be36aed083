import { countedNode } from "./counted-node.ts";
import { add, addWithin } from "./counts.ts";
import { enisToMake } from "./enis-to-make.ts";
import type { NodeNumbers } from "./node-numbers.ts";
import { NodeRooms } from "./node-rooms.ts";
import { awaitedOn, isUnread, latest } from "./promised.ts";
import type { AddressView, ClaimView, ClusterView, CountedNode, NodeView, SubnetView } from "./world.ts";

/**
 * The cluster as watches show it, and what follows from it for every decision, counted on with each change: addresses change all the time,
 * and to count all of them anew takes longer than to decide.
 *
 * Before something changes, what it adds to the counts is taken off, and so is what depends on it; afterwards both are added again.
 */
export class ClusterState {
  readonly #subnets = new Map<string, SubnetView>();
  /** As NodeENIConfigs tell of them. */
  readonly #toldNodes = new Map<string, NodeView>();
  readonly #nodes = new Map<string, CountedNode>();
  readonly #addresses = new Map<string, AddressView>();
  readonly #claims = new Map<string, ClaimView>();
  readonly #configured: string[] = [];
  readonly #bound = new Map<string, AddressView>();
  /** VpcIPs, by node and ENI. */
  readonly #onEnis = new Map<string, Map<string, number>>();
  /** All addresses that are bound for a claim, where there is more than one. */
  readonly #several = new Map<string, readonly AddressView[]>();
  readonly #claimants = new Map<string, readonly string[]>();
  readonly #spokenFor = new Map<string, number>();
  /** Addresses that are to come to a node for claims, by node and subnet. */
  readonly #awaited = new Map<string, Map<string, number>>();
  readonly #rooms: NodeRooms;
  readonly #onlyNominated: boolean;

  /** Always as of the last change. */
  readonly view: ClusterView;

  /** @param options.onlyNominated a pod that names no subnet gets none: none is configured */
  constructor({ numbers, onlyNominated = false }: { numbers: NodeNumbers; onlyNominated?: boolean }) {
    this.#rooms = new NodeRooms(numbers);
    this.#onlyNominated = onlyNominated;
    this.view = {
      subnets: this.#subnets,
      nodes: this.#nodes,
      rooms: this.#rooms,
      addresses: this.#addresses,
      claims: this.#claims,
      configured: this.#configured,
      bound: this.#bound,
      claimants: this.#claimants,
      spokenFor: this.#spokenFor,
    };
  }

  putSubnet(subnet: SubnetView): void {
    const before = this.#subnets.get(subnet.id);
    this.#subnets.set(subnet.id, subnet);
    this.#recount(subnet.id, before, subnet);
    this.#configure(subnet.id, subnet.active && !this.#onlyNominated);
  }

  removeSubnet({ id }: SubnetView): void {
    const before = this.#subnets.get(id);
    this.#subnets.delete(id);
    this.#recount(id, before, undefined);
    this.#configure(id, false);
  }

  putNode(node: NodeView): void {
    this.#changeNode(node.name, () => this.#toldNodes.set(node.name, node));
  }

  removeNode({ name }: NodeView): void {
    this.#changeNode(name, () => this.#toldNodes.delete(name));
  }

  putAddress(address: AddressView): void {
    const known = this.#addresses.get(address.address);
    // Most of what agents say of an address is nothing that decisions go by.
    if (known !== undefined && Bun.deepEquals(known, address)) return;
    this.#changeAddress(known, address);
    this.#addresses.set(address.address, address);
  }

  /** Removes it unless it is another's by now: an ENI's own may be a pod's by the time that the ENI is seen to be gone. */
  removeAddress(address: AddressView): void {
    const known = this.#addresses.get(address.address);
    if (known === undefined || !Bun.deepEquals(known, address)) return;
    this.#changeAddress(known, undefined);
    this.#addresses.delete(address.address);
  }

  putClaim(claim: ClaimView): void {
    const known = this.#claims.get(claim.key);
    // Nor is a claim's status.
    if (known !== undefined && Bun.deepEquals(known, claim)) return;
    this.#changeClaim(claim.key, claim);
  }

  removeClaim({ key }: ClaimView): void {
    this.#changeClaim(key, undefined);
  }

  /** A subnet's reading is of another time: its addresses are in it, or not any more. */
  #recount(id: string, before: SubnetView | undefined, after: SubnetView | undefined): void {
    if (before?.readAt === after?.readAt) return;
    let more = 0;
    for (const address of this.#addresses.values()) {
      if (address.subnetId === id)
        more += Number(isUnread(address, after)) - Number(isUnread(address, before));
    }
    add(this.#spokenFor, id, more);
  }

  #configure(id: string, is: boolean): void {
    const at = this.#configured.indexOf(id);
    if (is === at >= 0) return;
    if (!is) this.#configured.splice(at, 1);
    // In an order that does not depend on what watches show first: refusals tell of it.
    else this.#configured.splice(0, Number.POSITIVE_INFINITY, ...[...this.#configured, id].sort());
  }

  #changeAddress(before: AddressView | undefined, after: AddressView | undefined): void {
    const claims = new Set([before?.claim, after?.claim]);
    for (const key of claims) this.#countClaim(key, -1);
    if (before !== undefined) {
      this.#countAddress(before, -1);
      if (before.claim !== undefined)
        this.#bind(
          before.claim,
          this.#boundFor(before.claim).filter((other) => other !== before),
        );
    }
    if (after !== undefined) {
      this.#countAddress(after, 1);
      if (after.claim !== undefined) this.#bind(after.claim, [...this.#boundFor(after.claim), after]);
    }
    for (const key of claims) this.#countClaim(key, 1);
    this.#countOnEni(before, -1);
    this.#countOnEni(after, 1);
  }

  #countOnEni(address: AddressView | undefined, sign: 1 | -1): void {
    if (address?.eniId === undefined) return;
    const { node, eniId } = address;
    this.#changeNode(node, () => addWithin(this.#onEnis, [node, eniId], sign));
  }

  /** @param change what there is to say of the node */
  #changeNode(name: string, change: () => void): void {
    const before = this.#nodes.get(name);
    if (before !== undefined) {
      this.#countNode(before, -1);
      this.#rooms.remove(before);
    }
    change();
    const told = this.#toldNodes.get(name);
    if (told === undefined) {
      this.#nodes.delete(name);
      return;
    }
    const node = countedNode(told, { onEni: this.#onEnis.get(name), awaited: this.#awaited.get(name) });
    this.#nodes.set(name, node);
    this.#countNode(node, 1);
    this.#rooms.put(node);
  }

  #boundFor(claim: string): readonly AddressView[] {
    const one = this.#bound.get(claim);
    return this.#several.get(claim) ?? (one === undefined ? [] : [one]);
  }

  #bind(claim: string, addresses: readonly AddressView[]): void {
    const one = latest(addresses);
    if (one === undefined) this.#bound.delete(claim);
    else this.#bound.set(claim, one);
    if (addresses.length > 1) this.#several.set(claim, addresses);
    else this.#several.delete(claim);
  }

  #changeClaim(key: string, after: ClaimView | undefined): void {
    this.#countClaim(key, -1);
    const before = this.#claims.get(key);
    if (before?.address !== after?.address) {
      if (before?.address !== undefined) {
        const others = this.#claimants.get(before.address)?.filter((claimant) => claimant !== key) ?? [];
        if (others.length === 0) this.#claimants.delete(before.address);
        else this.#claimants.set(before.address, others);
      }
      if (after?.address !== undefined)
        this.#claimants.set(after.address, [...(this.#claimants.get(after.address) ?? []), key]);
    }
    if (after === undefined) this.#claims.delete(key);
    else this.#claims.set(key, after);
    this.#countClaim(key, 1);
  }

  #countAddress(address: AddressView, sign: 1 | -1): void {
    if (isUnread(address, this.#subnets.get(address.subnetId))) add(this.#spokenFor, address.subnetId, sign);
  }

  #countClaim(key: string | undefined, sign: 1 | -1): void {
    const claim = key === undefined ? undefined : this.#claims.get(key);
    if (claim === undefined) return;
    const at = this.#bound.get(claim.key);
    const subnetId = at?.subnetId ?? claim.subnetId;
    if (at === undefined) add(this.#spokenFor, subnetId, sign);
    const node = awaitedOn(claim, at);
    if (node === undefined) return;
    this.#changeNode(node, () => addWithin(this.#awaited, [node, subnetId], sign));
  }

  /** Addresses that the node's ENIs to be made take for themselves. */
  #countNode(node: CountedNode, sign: 1 | -1): void {
    for (const [subnetId, { awaited }] of node.inSubnet)
      add(this.#spokenFor, subnetId, sign * enisToMake(node, subnetId, awaited));
  }
}
