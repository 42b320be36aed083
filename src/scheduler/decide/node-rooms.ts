import { ByNode } from "./by-node.ts";
import type { NodeNumbers } from "./node-numbers.ts";
import type { CountedNode } from "./world.ts";

/** The node has no ENI in the subnet, gets none and awaits no address of it. */
export const NOTHING = -0x80000000;

/** Of a subnet, by nodes' numbers. */
export interface RoomInSubnet {
  /** Addresses that a node's ENIs there have room for beside those that it awaits; negative: fewer than it awaits; NOTHING. */
  readonly room: Int32Array;
  /** Addresses that it awaits for claims. */
  readonly awaited: Int32Array;
}

/**
 * What room nodes have, in arrays by their numbers.
 */
export class NodeRooms {
  readonly numbers: NodeNumbers;
  readonly #zones: string[] = [];
  readonly #zone = new ByNode(-1);
  readonly #addresses = new ByNode();
  readonly #limit = new ByNode();
  readonly #awaited = new ByNode();
  readonly #enis = new ByNode();
  readonly #perEni = new ByNode(1);
  readonly #subnets = new Map<string, { readonly room: ByNode; readonly awaited: ByNode }>();

  constructor(numbers: NodeNumbers) {
    this.numbers = numbers;
  }

  zoneOf(number: number): string | undefined {
    return this.#zones[this.#zone.at(number)];
  }

  /** Number of a node's zone; -1: of this node something else matters than its zone, its ENIs and what comes to it. */
  zone(): Int32Array {
    return this.#zone.upTo(this.numbers.size);
  }

  /** Addresses that a node may have beside those that it has and awaits. */
  addresses(): Int32Array {
    return this.#addresses.upTo(this.numbers.size);
  }

  /** Addresses that a node may have in all. */
  limit(): Int32Array {
    return this.#limit.upTo(this.numbers.size);
  }

  /** Addresses of all subnets that a node awaits for claims. */
  awaited(): Int32Array {
    return this.#awaited.upTo(this.numbers.size);
  }

  /** ENIs that a node may have beside those that it has. */
  enis(): Int32Array {
    return this.#enis.upTo(this.numbers.size);
  }

  /** Addresses that an ENI of a node may have. */
  perEni(): Int32Array {
    return this.#perEni.upTo(this.numbers.size);
  }

  inSubnet(id: string): RoomInSubnet {
    let subnet = this.#subnets.get(id);
    if (subnet === undefined) {
      subnet = { room: new ByNode(NOTHING), awaited: new ByNode() };
      this.#subnets.set(id, subnet);
    }
    const { size } = this.numbers;
    return { room: subnet.room.upTo(size), awaited: subnet.awaited.upTo(size) };
  }

  put(node: CountedNode): void {
    const { name, zone, labelled, creatingIn, disabled, limit, addresses, inSubnet } = node;
    const number = this.numbers.of(name);
    const isPlain = !disabled && labelled.length === 0 && creatingIn === undefined;
    this.#zone.set(number, isPlain ? this.#zoneNumber(zone) : -1);
    this.#limit.set(number, limit.addresses);
    this.#addresses.set(number, limit.addresses - addresses);
    this.#enis.set(number, limit.enis - node.enis.length);
    this.#perEni.set(number, Math.max(1, limit.addressesPerEni));
    let all = 0;
    for (const [id, { places, awaited }] of inSubnet) {
      const there = this.inSubnet(id);
      there.room[number] = places - awaited;
      there.awaited[number] = awaited;
      all += awaited;
    }
    this.#awaited.set(number, all);
  }

  /** @param node as it was put last */
  remove({ name, inSubnet }: CountedNode): void {
    const number = this.numbers.of(name);
    this.#zone.set(number, -1);
    for (const id of inSubnet.keys()) {
      const { room, awaited } = this.inSubnet(id);
      room[number] = NOTHING;
      awaited[number] = 0;
    }
    this.numbers.leave(name);
  }

  #zoneNumber(zone: string): number {
    const at = this.#zones.indexOf(zone);
    return at === -1 ? this.#zones.push(zone) - 1 : at;
  }
}
