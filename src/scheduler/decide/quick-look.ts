import { isBetter, lackFor, leftOf } from "./fits.ts";
import { NOTHING, type RoomInSubnet } from "./node-rooms.ts";
import { namedSubnets, type Question } from "./question.ts";
import { REASONS, refusal } from "./refusal.ts";
import type { CountedNode, Fit, SubnetView } from "./world.ts";

/** A subnet of which pods may come to nodes for an address, by nodes' numbers. */
interface Comers extends RoomInSubnet {
  readonly id: string;
  readonly pods: Int32Array;
}

/** A subnet that the pod may have an address of, by nodes' numbers. */
interface Candidate extends Comers {
  /** Pods that may come for whom an ENI has room. */
  readonly sure: Int32Array;
  /** What the pod gets, by how many ENIs more the node would need; undefined: too little is left of the subnet for that. */
  readonly onEni: FitByMore;
  readonly onNewEni: FitByMore;
}

/** A pod makes a node need one ENI more at most. */
type FitByMore = readonly [none: Fit | undefined, one: Fit | undefined];

/** What holds for all nodes of a zone. */
interface ZoneLook {
  /** The better first. */
  readonly candidates: readonly Candidate[];
  /** For a node that has as many addresses as it may have, whichever subnet of these it is. */
  readonly full?: { readonly reason: string; readonly subnet: SubnetView };
  /** The text for nodes that have nothing in that subnet; `room` undefined: for all nodes of the zone. */
  readonly refusal?: { readonly text: string; readonly room: Int32Array | undefined };
}

/**
 * What `fits` says of most nodes, by arrays alone: of those that get an address, or have as many as they may, and of those in whose zone the pod has nothing to look for.
 * A property compares.
 */
export class QuickLook {
  readonly #question: Question;
  readonly #zones: (ZoneLook | undefined)[] = [];
  readonly #zone: Int32Array;
  readonly #addresses: Int32Array;
  readonly #limit: Int32Array;
  readonly #reserved: Int32Array;
  readonly #awaited: Int32Array;
  readonly #enis: Int32Array;
  readonly #perEni: Int32Array;
  /** The node that awaits the pod's own address, which does not stand in its way. */
  readonly #awaits: number | undefined;
  /** The node that has the pod's address: it takes nothing there. */
  readonly #has: number | undefined;
  /** By what nodes may have. */
  readonly #textsOfFull = new Map<number, string>();
  /** Subnets that pods have been let pass for. */
  readonly #busy: readonly Comers[];

  constructor(question: Question) {
    const { own, fixed, world } = question;
    const { rooms, reserved } = world;
    this.#question = question;
    this.#zone = rooms.zone();
    this.#addresses = rooms.addresses();
    this.#limit = rooms.limit();
    this.#reserved = reserved.onNodes();
    this.#awaited = rooms.awaited();
    this.#enis = rooms.enis();
    this.#perEni = rooms.perEni();
    this.#awaits = own?.node === undefined ? undefined : rooms.numbers.find(own.node);
    this.#has = fixed?.at === undefined ? undefined : rooms.numbers.find(fixed.at.node);
    this.#busy = [...reserved.subnets()].map((id) => this.#comers(id));
  }

  /** @returns undefined where it takes `fits` to tell */
  at(number: number): Fit | string | undefined {
    const zone = this.#zone[number] ?? -1;
    if (zone < 0 || number === this.#awaits || number === this.#has) return undefined;
    let look = this.#zones[zone];
    if (look === undefined) {
      look = this.#lookAt(number);
      this.#zones[zone] = look;
    }
    if (at(this.#reserved, number) >= at(this.#addresses, number)) return this.#textOfFull(number, look);
    for (const candidate of look.candidates) {
      const fit = this.#fitOnEni(number, candidate);
      if (fit !== "none") return fit;
    }
    for (const candidate of look.candidates) {
      const fit = this.#fitWithMore(number, candidate);
      if (fit !== "none") return fit;
    }
    const { refusal } = look;
    return refusal !== undefined && (refusal.room === undefined || at(refusal.room, number) === NOTHING)
      ? refusal.text
      : undefined;
  }

  /** @returns undefined where it takes `fits` to tell, "none" where there is no place on an ENI of this subnet */
  #fitOnEni(number: number, candidate: Candidate): Fit | "none" | undefined {
    if (at(candidate.pods, number) < at(candidate.room, number)) return candidate.onEni[0] ?? "none";
    return hasRoomOnEni(number, candidate) ? this.#fitWithMore(number, candidate) : "none";
  }

  /** Where not all who may come have room on ENIs: so many more are needed. */
  #fitWithMore(number: number, candidate: Candidate): Fit | "none" | undefined {
    const places = placesOf(number, candidate);
    const elsewhere = this.#enisElsewhere(number, candidate);
    if (places < 0 || elsewhere === undefined) return undefined;
    const others = at(candidate.pods, number);
    const perEni = at(this.#perEni, number);
    const enis = Math.ceil((others + 1 - places) / perEni);
    if (elsewhere + enis > at(this.#enis, number)) return "none";
    const more = enis > Math.ceil((others - places) / perEni) ? 1 : 0;
    return (at(candidate.sure, number) < places ? candidate.onEni : candidate.onNewEni)[more] ?? "none";
  }

  /** ENIs that the node needs more for what comes to it of other subnets; undefined where it takes `fits` to tell. */
  #enisElsewhere(number: number, { id, pods, awaited }: Candidate): number | undefined {
    let unseenPods = at(this.#reserved, number) - at(pods, number);
    let unseenAwaited = at(this.#awaited, number) - at(awaited, number);
    let enis = 0;
    for (const other of unseenPods + unseenAwaited > 0 ? this.#busy : []) {
      if (other.id === id) continue;
      const coming = at(other.pods, number);
      unseenPods -= coming;
      unseenAwaited -= at(other.awaited, number);
      const places = placesOf(number, other);
      if (coming > places) enis += Math.ceil((coming - places) / at(this.#perEni, number));
    }
    return unseenPods + unseenAwaited > 0 ? undefined : enis;
  }

  #textOfFull(number: number, { full }: ZoneLook): string | undefined {
    if (full === undefined) return undefined;
    const limit = at(this.#limit, number);
    const known = this.#textsOfFull.get(limit);
    if (known !== undefined) return known;
    const node = this.#nodeAt(number);
    if (node === undefined) return undefined;
    const text = refusal(full.reason, { node, obstacles: [[full.subnet, "addresses"]], named: [] });
    this.#textsOfFull.set(limit, text);
    return text;
  }

  #nodeAt(number: number): CountedNode | undefined {
    const { nodes, rooms } = this.#question.world;
    return nodes.get(rooms.numbers.nameOf(number));
  }

  /** What holds for all nodes of this one's zone. */
  #lookAt(number: number): ZoneLook {
    const { fixed, usual } = this.#question;
    const node = this.#nodeAt(number);
    if (node === undefined) return { candidates: [] };
    if (fixed !== undefined) return this.#lookForFixed(fixed.subnetId, node);
    const subnets = usual.get(node.zone) ?? [];
    const [first] = subnets;
    if (first === undefined) {
      const named = namedSubnets(this.#question, node);
      return {
        candidates: [],
        refusal: { text: refusal(REASONS.insufficient, { node, obstacles: [], named }), room: undefined },
      };
    }
    const found = subnets.map((subnet) => {
      const left = leftOf(subnet, this.#question).addresses ?? 0;
      return { subnetId: subnet.id, hasEni: true, left, subnet };
    });
    found.sort((a, b) => (isBetter(a, b) ? -1 : 1));
    return {
      candidates: found.map(({ subnet }) => this.#candidate(subnet)),
      full: { reason: REASONS.insufficient, subnet: first },
    };
  }

  #lookForFixed(subnetId: string, node: CountedNode): ZoneLook {
    const { world } = this.#question;
    const subnet = world.subnets.get(subnetId);
    if (subnet === undefined) return { candidates: [] };
    const full = { reason: REASONS.eniLimit, subnet };
    if (subnet.zone === node.zone) return { candidates: [this.#candidate(subnet)], full };
    const text = refusal(REASONS.eniLimit, { node, obstacles: [[subnet, "zone"]], named: [] });
    return { candidates: [], full, refusal: { text, room: world.rooms.inSubnet(subnetId).room } };
  }

  #comers(id: string): Comers {
    const { rooms, reserved } = this.#question.world;
    return { id, ...rooms.inSubnet(id), pods: reserved.inSubnet(id).pods.upTo(rooms.numbers.size) };
  }

  #candidate(subnet: SubnetView): Candidate {
    const { rooms, reserved } = this.#question.world;
    const { sure } = reserved.inSubnet(subnet.id);
    const left = leftOf(subnet, this.#question);
    const fitIf = (hasEni: boolean, more: 0 | 1) => {
      const lack = lackFor(this.#question, { left, room: { hasEni, more } });
      return lack === undefined ? (hasEni ? left.onEni : left.onNewEni) : undefined;
    };
    return {
      ...this.#comers(subnet.id),
      sure: sure.upTo(rooms.numbers.size),
      onEni: [fitIf(true, 0), fitIf(true, 1)],
      onNewEni: [fitIf(false, 0), fitIf(false, 1)],
    };
  }
}

/** An ENI has room for this pod, whatever comes of those who cannot count on one. Negative: what is awaited needs more ENIs. */
function hasRoomOnEni(number: number, { room, sure }: Candidate): boolean {
  const there = at(room, number);
  return there !== NOTHING && (there < 0 || at(sure, number) < there);
}

/** Places on a node's ENIs for those who may come; negative: as many are lacking for what it awaits. */
function placesOf(number: number, { room }: RoomInSubnet): number {
  const there = at(room, number);
  return there === NOTHING ? 0 : there;
}

function at(values: Int32Array, number: number): number {
  return values[number] ?? 0;
}
