import type { Clock } from "../time/clock.ts";
import type { BindTo } from "./bind-pod.ts";
import { type ChosenNodes, chooseNodes } from "./decide/choose-nodes.ts";
import { fixedAddress } from "./decide/question.ts";
import type { Reservations } from "./decide/reservations.ts";
import type { ClusterView, PodView } from "./decide/world.ts";
import { podView } from "./pod-view.ts";
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

/**
 * How long a pod keeps its place on the nodes whose pods are to make way for it: it is asked about again once they are gone, which takes as long as
 * they are given to end.
 */
const PREEMPTING_MS = 120_000;

export interface ExtenderWorld {
  readonly clock: Pick<Clock, "monotonic">;
  readonly reservations: Reservations;
  /**
   * What the watches show.
   * @throws Error while nothing may be decided: it has not all been read, is too old, or another process decides. The scheduler tries again
   */
  view(): ClusterView;
  /** Writes the claim, where there is none, and binds the pod. @throws Error with what the scheduler is to tell */
  bind(to: BindTo): Promise<void>;
  /** What is known of a pod that is to be bound; undefined: nothing any more. */
  podOf(uid: string): ExtenderPod | undefined;
  /** Told of each pod that filter has decided about: on which nodes nothing else is in its way, and whether one of them may have it. */
  filtered(uid: string, about: { names: readonly string[]; passed: boolean }): void;
  /** Told of each pod that would evict others: on which nodes, and whether it may on one of them. */
  preempted(uid: string, about: { names: readonly string[]; passed: boolean }): void;
}

/** An ENI with room is worth more than one that would have to be made. */
const SCORE = { eni: 10, newEni: 5, none: 0 } as const;

/** The verbs of a scheduler extender. None asks the cloud, and all but bind answer from memory. */
export class Extender {
  readonly #world: ExtenderWorld;

  constructor(world: ExtenderWorld) {
    this.#world = world;
  }

  /**
   * Where the pod may go; what it may take there is kept for it. Where it may not go, evicting others would not help: what they hold comes back only
   * some time after them.
   */
  filter({ Pod, NodeNames }: ExtenderArgs): ExtenderFilterResult {
    try {
      const pod = podView(Pod);
      const names = NodeNames ?? [];
      const { passed, refused } = this.#reserve(pod, names, { evicts: false });
      this.#world.filtered(pod.uid, { names, passed: passed.length > 0 });
      return {
        NodeNames: passed,
        FailedNodes: {},
        FailedAndUnresolvableNodes: refused,
        Error: "",
      };
    } catch (error) {
      return { NodeNames: [], FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: textOf(error) };
    }
  }

  /** By what filter found a moment ago: nodes where the pod was not let pass, or not by this process, score nothing. */
  prioritize({ Pod, NodeNames }: ExtenderArgs): HostPriority[] {
    const places = this.#world.reservations.placesOf(Pod.metadata.uid);
    return (NodeNames ?? []).map((Host) => {
      const fit = places?.get(Host);
      return { Host, Score: fit === undefined ? SCORE.none : fit.hasEni ? SCORE.eni : SCORE.newEni };
    });
  }

  /**
   * Those of the scheduler's candidates where filter lets the pod pass as things are, and will once the victims are gone: what it may take is kept for
   * it meanwhile. What victims hold does not count as free: an address comes back to the VPC only some time after its pod, filter would refuse until
   * then, and the scheduler would evict more.
   */
  preempt({ Pod, NodeNameToMetaVictims }: ExtenderPreemptionArgs): ExtenderPreemptionResult {
    const candidates = NodeNameToMetaVictims ?? {};
    const pod = podView(Pod);
    const names = Object.keys(candidates);
    const { fitting } = this.#reserve(pod, names, { evicts: true });
    this.#world.preempted(pod.uid, { names, passed: fitting.size > 0 });
    const kept = Object.entries(candidates).flatMap(([name, victims]) =>
      fitting.has(name) && victims !== null ? [[name, victims] as const] : [],
    );
    return { NodeNameToMetaVictims: Object.fromEntries(kept) };
  }

  async bind(args: ExtenderBindingArgs): Promise<ExtenderBindingResult> {
    const { reservations, clock } = this.#world;
    const { PodNamespace, PodName, PodUID, Node } = args;
    try {
      const known = this.#world.podOf(PodUID);
      if (known === undefined)
        return this.#notBound(
          PodUID,
          `pod ${PodNamespace}/${PodName} is not known here yet: it is tried again`,
        );
      const pod = podView(known);
      const taken = this.#choose(pod, [Node], ({ fitting, refused }, view) => {
        const fit = fitting.get(Node);
        if (fit === undefined) return `${refused[Node]} on ${Node}`;
        const address = fixedAddress(pod.key, view) === undefined ? pod.address : undefined;
        // Before the claim is written: the watch may show it before the write is answered, and it must not count twice.
        reservations.take(PodUID, { key: pod.key, node: Node, fit, address, now: clock.monotonic() });
        return { subnetId: fit.subnetId, address, claims: view.claims };
      });
      if (typeof taken === "string") return this.#notBound(PodUID, taken);
      const { subnetId, address, claims } = taken;
      await this.#world.bind({ args, pod: known, subnetId, address });
      // One that was there already, as it is to be, is not shown anew.
      const claim = claims.get(pod.key);
      if (claim !== undefined) reservations.saw(claim);
      return { Error: "" };
    } catch (error) {
      // What was taken is kept: the claim may have been written, or still be. The pod's next filter, or its end, puts it right.
      return { Error: textOf(error) };
    }
  }

  /** The pod has taken nothing, and is asked about anew: until then it is to have nothing, rather than a place on each node. */
  #notBound(podUid: string, reason: string): ExtenderBindingResult {
    this.#world.reservations.end(podUid);
    return { Error: reason };
  }

  /** Decides as if the pod had no reservation, and keeps for it what it may take. */
  #reserve(pod: PodView, names: readonly string[], { evicts }: { evicts: boolean }): ChosenNodes {
    const { reservations, clock } = this.#world;
    const chosen = this.#choose(pod, names, (found) => {
      const { fitting: places } = found;
      const more = evicts ? { evicts, forMs: PREEMPTING_MS } : {};
      if (places.size > 0)
        reservations.reserve(pod.uid, { places, address: pod.address, now: clock.monotonic(), ...more });
      return found;
    });
    if (chosen.fitting.size === 0) {
      if (evicts) reservations.end(pod.uid);
      // The scheduler asks about it again each time that one of its victims ends, without the node where it waits for the others.
      else reservations.refused(pod.uid, new Set(names));
    }
    return chosen;
  }

  /** What `use` makes of the decision, which is as if the pod had no reservation. */
  #choose<T>(pod: PodView, names: Iterable<string>, use: (found: ChosenNodes, view: ClusterView) => T): T {
    const { reservations, clock } = this.#world;
    const view = this.#world.view();
    reservations.expire(clock.monotonic());
    return reservations.without(pod.uid, () =>
      use(chooseNodes(pod, names, { ...view, reserved: reservations }), view),
    );
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
