import { chooseNodes } from "../decide/choose-nodes.ts";
import type { Places } from "../decide/places.ts";
import { fixedAddress } from "../decide/question.ts";
import type { Reservations } from "../decide/reservations.ts";
import type { ClusterView, Fit } from "../decide/world.ts";
import { podView } from "../pod-view.ts";
import type { WaitingPod } from "./waiting-pod.ts";

export interface Wake {
  readonly pod: WaitingPod;
  readonly node: string;
  readonly fit: Fit;
}

export interface NextWakeOptions {
  readonly view: ClusterView;
  readonly reservations: Reservations;
  /** Nodes where nothing else was in the pod's way when filter was asked last; undefined: it was not asked here. */
  readonly placesOf: (uid: string) => readonly string[] | undefined;
}

/** The first of these pods that filter would let pass now, and where: one that has a reservation is on its way already. */
export function nextWake(pods: readonly WaitingPod[], options: NextWakeOptions): Wake | undefined {
  const { view, reservations, placesOf } = options;
  const all = [...view.nodes.keys()];
  /** What pods want that nobody gets now: the next one who wants the same need not be asked about. */
  const inVain = new Map<readonly string[], Set<string>>();
  for (const pod of pods) {
    const wanting = podView(pod);
    if (reservations.has(wanting.uid)) continue;
    const places = placesOf(wanting.uid) ?? all;
    const alike =
      wanting.address === undefined && wanting.mistake === undefined && !view.claims.has(wanting.key)
        ? wanting.nominated.join()
        : undefined;
    const refused = inVain.get(places);
    if (alike !== undefined && refused?.has(alike)) continue;
    const { fitting } = chooseNodes(wanting, places, { ...view, reserved: reservations });
    const best = leastLoaded(fitting, options);
    if (best !== undefined) return { pod, ...best };
    if (alike === undefined) continue;
    if (refused === undefined) inVain.set(places, new Set([alike]));
    else refused.add(alike);
  }
  return undefined;
}

/** The address that a reservation for this pod is to keep for it. */
export function addressWanted(pod: WaitingPod, view: ClusterView): string | undefined {
  const { key, address } = podView(pod);
  return fixedAddress(key, view) === undefined ? address : undefined;
}

/** The scheduler goes by the node that is named to it, and by no score: pods are spread here. */
function leastLoaded(
  fitting: Places,
  { view, reservations }: NextWakeOptions,
): { node: string; fit: Fit } | undefined {
  let best: { node: string; fit: Fit; load: number } | undefined;
  for (const [node, fit] of fitting) {
    const { addresses = 0 } = view.nodes.get(node) ?? {};
    const load = (fit.hasEni ? 0 : 1_000_000) + addresses + reservations.onNode(node).pods;
    if (best === undefined || load < best.load) best = { node, fit, load };
  }
  return best;
}
