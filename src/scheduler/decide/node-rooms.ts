import { ByNode } from "./by-node.ts";
import type { NodeNumbers } from "./node-numbers.ts";
import type { CountedNode } from "./world.ts";

/** The node has no ENI in the subnet, gets none and awaits no address of it. */
export const NOTHING = -0x80000000;

/**
 * What room nodes have, in arrays by their numbers: of nodes of which nothing else matters than their zone, their ENIs and what comes to them.
 */
export class NodeRooms {
  readonly numbers: NodeNumbers;
  readonly #zones: string[] = [];
  readonly #zone = new ByNode(-1);
  readonly #addresses = new ByNode();
  readonly #inSubnet = new Map<string, ByNode>();

  constructor(numbers: NodeNumbers) {
    this.numbers = numbers;
  }

  /** Zones, by their numbers. */
  get zones(): readonly string[] {
    return this.#zones;
  }

  /** Number of a node's zone; -1: of this node something else matters. */
  zone(): Int32Array {
    return this.#zone.upTo(this.numbers.size);
  }

  /** Addresses that a node may have beside those that it has and awaits. */
  addresses(): Int32Array {
    return this.#addresses.upTo(this.numbers.size);
  }

  /** Addresses of a subnet that a node's ENIs have room for beside those that it awaits; negative: fewer than it awaits; NOTHING. */
  inSubnet(id: string): Int32Array {
    let rooms = this.#inSubnet.get(id);
    if (rooms === undefined) {
      rooms = new ByNode(NOTHING);
      this.#inSubnet.set(id, rooms);
    }
    return rooms.upTo(this.numbers.size);
  }

  put(node: CountedNode): void {
    const { name, zone, labelled, creatingIn, disabled, limit, addresses, inSubnet } = node;
    const number = this.numbers.of(name);
    const isPlain = !disabled && labelled.length === 0 && creatingIn === undefined;
    this.#zone.set(number, isPlain ? this.#zoneNumber(zone) : -1);
    this.#addresses.set(number, limit.addresses - addresses);
    for (const [id, { places, awaited }] of inSubnet) this.inSubnet(id)[number] = places - awaited;
  }

  /** @param node as it was put last */
  remove({ name, inSubnet }: CountedNode): void {
    const number = this.numbers.of(name);
    this.#zone.set(number, -1);
    for (const id of inSubnet.keys()) this.inSubnet(id)[number] = NOTHING;
    this.numbers.leave(name);
  }

  #zoneNumber(zone: string): number {
    const at = this.#zones.indexOf(zone);
    return at === -1 ? this.#zones.push(zone) - 1 : at;
  }
}
