import type { Disturbance } from "./disturbances.ts";
import type { Outcome } from "./outcome.ts";
import { play, type Scenario } from "./scenario.ts";
import type { Stage, StageSet } from "./stage.ts";

/** What a scenario is played on where something disturbs it, right after what it is about has begun. */
export function disturbedStage(set: StageSet, { patienceMs, begin }: Disturbance): Stage {
  return {
    ...set,
    patienceMs,
    disturb: async (act) => {
      await act();
      await begin(set.cluster);
    },
  };
}

/** Plays a scenario alone. */
export async function playOne(
  scenario: Scenario,
  { set, disturbance }: { set: StageSet; disturbance: Disturbance },
): Promise<Outcome> {
  return outcomeOf(scenario, { disturbance, stage: disturbedStage(set, disturbance) });
}

/** Plays a scenario, and tells what became of it. */
export async function outcomeOf(
  scenario: Scenario,
  { stage, disturbance }: { stage: Stage; disturbance: Disturbance },
): Promise<Outcome> {
  const began = performance.now();
  let failure: string | undefined;
  try {
    await play(scenario, stage);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  return {
    scenario: scenario.name,
    disturbance: disturbance.name,
    seconds: (performance.now() - began) / 1000,
    ...(failure !== undefined && { failure }),
  };
}
