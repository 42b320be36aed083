import { isBetter, lackFor, leftOf } from "./fits.ts";
import { NOTHING, type RoomInSubnet } from "./node-rooms.ts";
import { namedSubnets, type Question } from "./question.ts";
import { REASONS, refusal } from "./refusal.ts";
import type { CountedNode, Fit, SubnetView } from "./world.ts";

/** A subnet that the pod may have an address of, by nodes' numbers. */
interface Candidate extends RoomInSubnet {
  /** Pods that may come, and those of them for whom an ENI has room. */
  readonly pods: Int32Array;
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
  /** Where the node has nothing in the subnet that this is about, or wherever it is about none. */
  readonly refusal?: { readonly text: string; readonly room: Int32Array | undefined };
}

/**
 * What `fits` says of most nodes, by arrays alone: of those to which nothing else comes than pods for addresses of one subnet, and of those in whose zone the
 * pod has nothing to look for. A property compares.
 */
export class QuickLook {
  readonly #question: Question;
  readonly #zones: (ZoneLook | undefined)[] = [];
  readonly #zone: Int32Array;
  readonly #addresses: Int32Array;
  readonly #reserved: Int32Array;
  readonly #awaited: Int32Array;
  readonly #enis: Int32Array;
  readonly #perEni: Int32Array;
  /** The node that awaits the pod's own address, which does not stand in its way. */
  readonly #awaits: number | undefined;

  constructor(question: Question) {
    const { own, world } = question;
    const { rooms, reserved } = world;
    this.#question = question;
    this.#zone = rooms.zone();
    this.#addresses = rooms.addresses();
    this.#reserved = reserved.onNodes();
    this.#awaited = rooms.awaited();
    this.#enis = rooms.enis();
    this.#perEni = rooms.perEni();
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
  #fitWithMore(
    number: number,
    { room, awaited, pods, sure, onEni, onNewEni }: Candidate,
  ): Fit | "none" | undefined {
    const there = at(room, number);
    const places = there === NOTHING ? 0 : there;
    const others = at(pods, number);
    // What comes to the node of other subnets takes ENIs, too.
    const isOfOneSubnet =
      at(this.#awaited, number) === at(awaited, number) && at(this.#reserved, number) === others;
    if (places < 0 || !isOfOneSubnet) return undefined;
    const perEni = at(this.#perEni, number);
    const enis = Math.ceil((others + 1 - places) / perEni);
    if (enis > at(this.#enis, number)) return "none";
    const more = enis > Math.ceil((others - places) / perEni) ? 1 : 0;
    return (at(sure, number) < places ? onEni : onNewEni)[more] ?? "none";
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
    const found = subnets.map((subnet) => {
      const left = leftOf(subnet, this.#question).addresses ?? 0;
      return { subnetId: subnet.id, hasEni: true, left, subnet };
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
    return { candidates: [], refusal: { text, room: world.rooms.inSubnet(subnetId).room } };
  }

  #candidate(subnet: SubnetView): Candidate {
    const { rooms, reserved } = this.#question.world;
    const { pods, sure } = reserved.inSubnet(subnet.id);
    const { size } = rooms.numbers;
    const left = leftOf(subnet, this.#question);
    const fitIf = (hasEni: boolean, more: 0 | 1) => {
      const lack = lackFor(this.#question, { left, room: { hasEni, more } });
      return lack === undefined ? (hasEni ? left.onEni : left.onNewEni) : undefined;
    };
    return {
      ...rooms.inSubnet(subnet.id),
      pods: pods.upTo(size),
      sure: sure.upTo(size),
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

function at(values: Int32Array, number: number): number {
  return values[number] ?? 0;
}
