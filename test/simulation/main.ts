// `npm run sim -- --seed N`: the whole world of a seed under a virtual clock. On failure it prints the last events and the seed.
import { Command, InvalidArgumentError } from "commander";
import { runSeedAlone } from "./run-seed-alone.ts";

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

const options = new Command("sim")
  .description("Runs ipamd, agents, cloud and API server in one process, under a virtual clock and one seed.")
  .option("--seed <n>", "the first seed", whole, 1)
  .option("--seeds <n>", "how many seeds to run, one after the other", whole, 1)
  .option("--minutes <n>", "virtual minutes in which things go wrong", whole)
  .option(
    "--fixed",
    "pods have addresses of their own in each seed; without --fixed and --pool, in every third",
  )
  .option("--pool", "nodes keep a pool of addresses, and pods have none of their own")
  .option("--calm", "nothing goes wrong", false)
  .option("--verbose", "print every event", false)
  .parse()
  .opts<{
    seed: number;
    seeds: number;
    minutes?: number;
    fixed?: true;
    pool?: true;
    calm: boolean;
    verbose: boolean;
  }>();

let failed = 0;
for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
  const began = performance.now();
  const print = options.verbose ? (line: string) => console.log(line) : undefined;
  const { minutes, calm } = options;
  const fixed = options.fixed ?? (options.pool ? false : undefined);
  const result = await runSeedAlone({ seed, minutes, calm, fixed, print });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (result.failure !== undefined) {
    failed++;
    if (!options.verbose) console.log(result.trace.join("\n"));
  }
  console.log(
    `seed ${seed}: ${result.failure ?? "all held"} (${result.virtualMinutes.toFixed(0)} virtual minutes in ${seconds} s, ${result.events} events, trace ${result.hash})`,
  );
}
if (failed > 0)
  console.log(`${failed} of ${options.seeds} seeds failed: \`npm run sim -- --seed N\` shows one again`);
process.exit(failed === 0 ? 0 : 1);
