import { fits } from "./fits.ts";
import { questionOf } from "./question.ts";
import type { Fit, PodView, World } from "./world.ts";

export interface ChosenNodes {
  /** Where the pod may go, in the order in which they were asked about. */
  readonly fitting: ReadonlyMap<string, Fit>;
  /** Why it may not, by node. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Asks of each of these nodes whether the pod fits there. */
export function chooseNodes(pod: PodView, names: Iterable<string>, world: World): ChosenNodes {
  const question = questionOf(pod, world);
  const fitting = new Map<string, Fit>();
  const refused = new Map<string, string>();
  for (const name of names) {
    const answer = typeof question === "string" ? question : fits(question, world.nodes.get(name));
    if (typeof answer === "string") refused.set(name, answer);
    else fitting.set(name, answer);
  }
  return { fitting, refused };
}
