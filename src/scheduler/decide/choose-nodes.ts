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
    const node = world.nodes.get(name);
    const answer = typeof question === "string" ? question : fits(question, node);
    // By the node's own text: the scheduler's is another one in each request, and has to be hashed whenever it is looked up first.
    const key = node?.name ?? name;
    if (typeof answer === "string") refused.set(key, answer);
    else fitting.set(key, answer);
  }
  return { fitting, refused };
}
