import type { LastingDisturbance } from "./disturbances.ts";
import type { Outcome } from "./outcome.ts";
import { outcomeOf } from "./play-one.ts";
import type { Scenario } from "./scenario.ts";
import type { Stage, StageSet } from "./stage.ts";

/**
 * Plays scenarios beside each other while a disturbance lasts: it begins once all of them have come to what they are about, and that
 * happens then.
 */
export async function playThroughout(
  scenarios: readonly Scenario[],
  { set, disturbance }: { set: StageSet; disturbance: LastingDisturbance },
): Promise<Outcome[]> {
  let arriving = scenarios.length;
  let over: Promise<void> = Promise.resolve();
  const begun = Promise.withResolvers<void>();
  // A scenario that fails before it comes to what it is about keeps nobody waiting.
  const arrive = () => {
    if (--arriving > 0) return;
    const began = disturbance.begin(set.cluster);
    over = began.then(() => Bun.sleep(disturbance.lastsMs)).finally(() => disturbance.end(set.cluster));
    began.then(begun.resolve, begun.reject);
  };
  const outcomes = await Promise.all(
    scenarios.map(async (scenario) => {
      let here = false;
      const stage: Stage = {
        ...set,
        patienceMs: disturbance.patienceMs,
        disturb: async (act) => {
          here = true;
          arrive();
          await begun.promise;
          await act();
        },
      };
      const outcome = await outcomeOf(scenario, { stage, disturbance });
      if (!here) arrive();
      return outcome;
    }),
  );
  await over;
  return outcomes;
}
