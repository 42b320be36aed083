import type { Clock } from "../time/clock.ts";
import { chooseNodes } from "./decide/choose-nodes.ts";
import type { Reservations } from "./decide/reservations.ts";
import type { PodView, World } from "./decide/world.ts";
import { nominatedSubnets } from "./nominated-subnets.ts";
import type {
  ExtenderArgs,
  ExtenderBindingArgs,
  ExtenderBindingResult,
  ExtenderFilterResult,
  ExtenderPod,
  ExtenderPreemptionArgs,
  ExtenderPreemptionResult,
  HostPriority,
} from "./wire/extender-messages.ts";

export interface ExtenderWorld {
  readonly clock: Pick<Clock, "now">;
  readonly reservations: Reservations;
  /**
   * What the watches show, without reservations.
   * @throws Error while they have not held a complete list, or are too old to decide by: the scheduler tries again
   */
  view(): Omit<World, "reservations">;
  /** Writes the claim, where there is none, and binds the pod. @throws Error with what the scheduler is to tell */
  bind(args: ExtenderBindingArgs, to: { pod: ExtenderPod; subnetId: string }): Promise<void>;
  /** What is known of a pod that is to be bound; undefined: nothing any more. */
  podOf(uid: string): ExtenderPod | undefined;
}

/** An ENI with room is worth more than one that would have to be made. */
const SCORE = { eni: 10, newEni: 5, none: 0 } as const;

/** The verbs of a scheduler extender. None asks the cloud, and all but bind answer from memory. */
export class Extender {
  readonly #world: ExtenderWorld;

  constructor(world: ExtenderWorld) {
    this.#world = world;
  }

  /** Where the pod may go; what it may take there is kept for it. */
  filter({ Pod, NodeNames }: ExtenderArgs): ExtenderFilterResult {
    const names = NodeNames ?? [];
    try {
      const pod = viewOf(Pod);
      const now = this.#world.clock.now();
      const { fitting, refused } = chooseNodes(pod, names, { world: this.#worldAt(now), now });
      if (fitting.size === 0) this.#world.reservations.end(pod.uid);
      else {
        const subnets = [...fitting.values()].map(({ subnetId }) => subnetId);
        this.#world.reservations.reserve(pod.uid, { nodes: fitting.keys(), subnets, now });
      }
      return { NodeNames: [...fitting.keys()], FailedNodes: Object.fromEntries(refused), Error: "" };
    } catch (error) {
      return { NodeNames: [], FailedNodes: {}, Error: textOf(error) };
    }
  }

  /** Nothing is changed by it, and an error would be ignored: what is not known scores nothing. */
  prioritize({ Pod, NodeNames }: ExtenderArgs): HostPriority[] {
    const names = NodeNames ?? [];
    let fitting: ReturnType<typeof chooseNodes>["fitting"];
    try {
      const now = this.#world.clock.now();
      ({ fitting } = chooseNodes(viewOf(Pod), names, { world: this.#worldAt(now), now }));
    } catch {
      fitting = new Map();
    }
    return names.map((Host) => {
      const fit = fitting.get(Host);
      return { Host, Score: fit === undefined ? SCORE.none : fit.hasEni ? SCORE.eni : SCORE.newEni };
    });
  }

  /**
   * Those of the scheduler's candidates where filter would let the pod pass. What victims hold does not count as free: an address comes
   * back only some time after its pod, and an eviction for it would be in vain.
   */
  preempt({ Pod, NodeNameToMetaVictims }: ExtenderPreemptionArgs): ExtenderPreemptionResult {
    const candidates = NodeNameToMetaVictims ?? {};
    const now = this.#world.clock.now();
    const { fitting } = chooseNodes(viewOf(Pod), Object.keys(candidates), { world: this.#worldAt(now), now });
    const kept = Object.entries(candidates).flatMap(([name, victims]) =>
      fitting.has(name) && victims !== null ? [[name, victims] as const] : [],
    );
    return { NodeNameToMetaVictims: Object.fromEntries(kept) };
  }

  async bind(args: ExtenderBindingArgs): Promise<ExtenderBindingResult> {
    const { reservations } = this.#world;
    try {
      const pod = this.#world.podOf(args.PodUID);
      if (pod === undefined)
        return { Error: `pod ${args.PodNamespace}/${args.PodName} is not known here yet: it is tried again` };
      const now = this.#world.clock.now();
      const { fitting, refused } = chooseNodes(viewOf(pod), [args.Node], { world: this.#worldAt(now), now });
      const fit = fitting.get(args.Node);
      if (fit === undefined) return { Error: `${refused.get(args.Node)} on ${args.Node}` };
      const key = `${args.PodNamespace}/${args.PodName}`;
      // Before the claim is written: the watch may show it before the write is answered, and it must not count twice.
      reservations.take(args.PodUID, { key, node: args.Node, subnet: fit.subnetId, now });
      await this.#world.bind(args, { pod, subnetId: fit.subnetId });
      return { Error: "" };
    } catch (error) {
      // Where the claim was written nevertheless, it counts by itself.
      reservations.end(args.PodUID);
      return { Error: textOf(error) };
    }
  }

  #worldAt(now: number): World {
    return { ...this.#world.view(), reservations: this.#world.reservations.at(now) };
  }
}

function viewOf({ metadata }: ExtenderPod): PodView {
  const { namespace, name, uid, annotations } = metadata;
  return { key: `${namespace}/${name}`, uid, nominated: nominatedSubnets(annotations ?? {}) };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
