import { fits } from "./fits.ts";
import { Places } from "./places.ts";
import { questionOf } from "./question.ts";
import { QuickLook } from "./quick-look.ts";
import { REASONS } from "./refusal.ts";
import type { PodView, World } from "./world.ts";

export interface ChosenNodes {
  /** Where the pod may go, and the names of that in the order in which they were asked about. */
  readonly fitting: Places;
  readonly passed: readonly string[];
  /** Why it may not, by node. */
  readonly refused: Readonly<Record<string, string>>;
}

/** Asks of each of these nodes whether the pod fits there. */
export function chooseNodes(pod: PodView, names: Iterable<string>, world: World): ChosenNodes {
  const { numbers } = world.rooms;
  const fitting = new Places(numbers);
  const passed: string[] = [];
  const refused: Record<string, string> = {};
  const question = questionOf(pod, world);
  if (typeof question === "string") {
    for (const name of names) refused[name] = question;
    return { fitting, passed, refused };
  }
  const quick = new QuickLook(question);
  for (const name of names) {
    const number = numbers.find(name);
    const answer =
      number === undefined ? REASONS.noEnis : (quick.at(number) ?? fits(question, world.nodes.get(name)));
    if (typeof answer === "string") refused[name] = answer;
    else if (number !== undefined && fitting.add(number, answer)) passed.push(name);
  }
  return { fitting, passed, refused };
}
