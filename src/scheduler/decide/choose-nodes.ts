import { type Fit, fits, type Reason, tallyOf } from "./fits.ts";
import type { PodView, World } from "./world.ts";

export interface ChosenNodes {
  /** Where the pod may go, in the order in which they were asked about. */
  readonly fitting: ReadonlyMap<string, Fit>;
  readonly refused: ReadonlyMap<string, Reason>;
}

/** Asks of each of these nodes whether the pod fits there. @param now wall clock, ms */
export function chooseNodes(
  pod: PodView,
  names: Iterable<string>,
  { world, now }: { world: World; now: number },
): ChosenNodes {
  const tally = tallyOf(world, now);
  const fitting = new Map<string, Fit>();
  const refused = new Map<string, Reason>();
  for (const name of names) {
    const answer = fits(pod, world.nodes.get(name), { world, tally });
    if (typeof answer === "string") refused.set(name, answer);
    else fitting.set(name, answer);
  }
  return { fitting, refused };
}
