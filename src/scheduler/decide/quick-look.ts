import { isBetter, lackOf, leftOf, ROOM_ON_ENI } from "./fits.ts";
import { NOTHING } from "./node-rooms.ts";
import { namedSubnets, type Question } from "./question.ts";
import { REASONS, refusal } from "./refusal.ts";
import type { CountedNode, Fit, SubnetView } from "./world.ts";

/** A subnet that the pod may have an address of, by nodes' numbers. */
interface Candidate {
  /** Room on ENIs. */
  readonly room: Int32Array;
  /** Pods that may come, and those of them for whom an ENI has room. */
  readonly pods: Int32Array;
  readonly sure: Int32Array;
  readonly fit: Fit;
}

/** What holds for all nodes of a zone. */
interface ZoneLook {
  /** The better first. */
  readonly candidates: readonly Candidate[];
  /** Where the node has nothing in the subnet that this is about, or wherever it is about none. */
  readonly refusal?: { readonly text: string; readonly room: Int32Array | undefined };
}

/**
 * What `fits` says of most nodes, by arrays alone: of those that have room on an ENI for all pods that may come to them, and of those in whose zone the
 * pod has nothing to look for. A property compares.
 */
export class QuickLook {
  readonly #question: Question;
  readonly #zones: (ZoneLook | undefined)[] = [];
  readonly #zone: Int32Array;
  readonly #addresses: Int32Array;
  readonly #reserved: Int32Array;
  /** The node that awaits the pod's own address, which does not stand in its way. */
  readonly #awaits: number | undefined;

  constructor(question: Question) {
    const { own, world } = question;
    const { rooms, reserved } = world;
    this.#question = question;
    this.#zone = rooms.zone();
    this.#addresses = rooms.addresses();
    this.#reserved = reserved.onNodes();
    this.#awaits = own?.node === undefined ? undefined : rooms.numbers.find(own.node);
  }

  /** @returns undefined where it takes `fits` to tell */
  at(number: number): Fit | string | undefined {
    const zone = this.#zone[number] ?? -1;
    if (zone < 0 || number === this.#awaits) return undefined;
    if (at(this.#reserved, number) >= at(this.#addresses, number)) return undefined;
    let look = this.#zones[zone];
    if (look === undefined) {
      look = this.#lookAt(number);
      this.#zones[zone] = look;
    }
    for (const { room, pods, sure, fit } of look.candidates) {
      const there = at(room, number);
      if (at(pods, number) < there) return fit;
      // Awaited ENIs, and room on ENIs for those who count on it, but not for all who may come.
      if (there !== NOTHING && (there < 0 || at(sure, number) < there)) return undefined;
    }
    const { refusal } = look;
    return refusal !== undefined && (refusal.room === undefined || at(refusal.room, number) === NOTHING)
      ? refusal.text
      : undefined;
  }

  /** What holds for all nodes of this one's zone. */
  #lookAt(number: number): ZoneLook {
    const { world, fixed, usual } = this.#question;
    const node = world.nodes.get(world.rooms.numbers.nameOf(number));
    if (node === undefined) return { candidates: [] };
    if (fixed !== undefined) return this.#lookForFixed(fixed.subnetId, node);
    const subnets = usual.get(node.zone) ?? [];
    if (subnets.length === 0) {
      const named = namedSubnets(this.#question, node);
      return {
        candidates: [],
        refusal: { text: refusal(REASONS.insufficient, { node, obstacles: [], named }), room: undefined },
      };
    }
    const found = subnets.flatMap((subnet) => {
      const left = leftOf(subnet, this.#question);
      if (lackOf(left, { room: ROOM_ON_ENI, itself: 1 }) !== undefined) return [];
      return [{ subnetId: subnet.id, hasEni: true, left: left.addresses ?? 0, subnet }];
    });
    found.sort((a, b) => (isBetter(a, b) ? -1 : 1));
    return { candidates: found.map(({ subnet }) => this.#candidate(subnet)) };
  }

  #lookForFixed(subnetId: string, node: CountedNode): ZoneLook {
    const { world } = this.#question;
    const subnet = world.subnets.get(subnetId);
    if (subnet === undefined) return { candidates: [] };
    if (subnet.zone === node.zone) return { candidates: [this.#candidate(subnet)] };
    const text = refusal(REASONS.eniLimit, { node, obstacles: [[subnet, "zone"]], named: [] });
    return { candidates: [], refusal: { text, room: world.rooms.inSubnet(subnetId) } };
  }

  #candidate(subnet: SubnetView): Candidate {
    const { rooms, reserved } = this.#question.world;
    const { pods, sure } = reserved.inSubnet(subnet.id);
    const { size } = rooms.numbers;
    return {
      room: rooms.inSubnet(subnet.id),
      pods: pods.upTo(size),
      sure: sure.upTo(size),
      fit: leftOf(subnet, this.#question).onEni,
    };
  }
}

function at(values: Int32Array, number: number): number {
  return values[number] ?? 0;
}
