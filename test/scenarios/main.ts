// `npm run scenarios`: what may happen to pods with fixed addresses, each with what may befall the cluster in its middle. Prints a table.
import { Command, InvalidArgumentError } from "commander";
import { consoleProgress } from "../../tools/build/progress.ts";
import { down } from "../cluster/down.ts";
import {
  apiServerKilled,
  type Disturbance,
  extenderKilled,
  ipamdDown,
  ipamdKilled,
  nothing,
} from "./disturbances.ts";
import { type Outcome, tableOf } from "./outcome.ts";
import { playOne } from "./play-one.ts";
import { playThroughout } from "./play-throughout.ts";
import { rounds } from "./rounds.ts";
import { raiseStage } from "./stage.ts";

const scenarios = rounds.flat();
const disturbances: readonly Disturbance[] = [nothing, ipamdKilled, extenderKilled, apiServerKilled];

function parseMinutes(text: string): number {
  if (!/^\d{1,3}(\.\d)?$/.test(text))
    throw new InvalidArgumentError("It must be a number of minutes, such as 10 or 0.5.");
  return Number(text);
}

const command = new Command("scenarios")
  .description("Plays scenarios of fixed addresses on a real cluster, each with each disturbance.")
  .option("--only <text...>", "scenarios whose name has one of these in it", [""])
  .option("--disturbance <text...>", "disturbances whose name has one of these in it", [""])
  .option(
    "--minutes-down <n>",
    "how long ipamd is down in the last rounds, where scenarios are played together",
    parseMinutes,
    10,
  )
  .parse();
const { only, disturbance, minutesDown } = command.opts<{
  only: string[];
  disturbance: string[];
  minutesDown: number;
}>();
const isAmong =
  (texts: readonly string[]) =>
  ({ name }: { readonly name: string }) =>
    texts.some((text) => name.includes(text));
const chosen = scenarios.filter(isAmong(only));
const single = disturbances.filter(isAmong(disturbance));
const lasting = [ipamdDown(minutesDown * 60_000)].filter(isAmong(disturbance));
if (chosen.length === 0 || single.length + lasting.length === 0) {
  const names = [...scenarios, ...disturbances, ipamdDown(minutesDown * 60_000)].map(
    ({ name }) => `  ${name}`,
  );
  console.error(
    `Nothing has "${only.join(", ")}" and "${disturbance.join(", ")}" in its name. There are\n${names.join("\n")}`,
  );
  process.exit(1);
}

const outcomes: Outcome[] = [];
function note(outcome: Outcome): void {
  const { scenario, disturbance: by, seconds, failure } = outcome;
  console.log(`${failure === undefined ? "✓" : "✗"} ${scenario}; ${by} (${seconds.toFixed(0)} s)`);
  if (failure !== undefined) console.log(failure);
  outcomes.push(outcome);
}

try {
  const set = await raiseStage(consoleProgress);
  for (const it of single) {
    for (const scenario of chosen) note(await playOne(scenario, { set, disturbance: it }));
  }
  for (const it of lasting) {
    for (const round of rounds) {
      const together = round.filter((scenario) => chosen.includes(scenario));
      if (together.length === 0) continue;
      for (const outcome of await playThroughout(together, { set, disturbance: it })) note(outcome);
    }
  }
} finally {
  await down(consoleProgress);
}
console.log(`\n${tableOf(outcomes)}`);
process.exit(outcomes.every(({ failure }) => failure === undefined) ? 0 : 1);
