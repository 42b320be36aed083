// `npm run demo`: from a fresh clone to pods on addresses of a VPC.
import { Command, InvalidArgumentError } from "commander";
import { consoleProgress } from "../../tools/build/progress.ts";
import { demo } from "./demo.ts";

// Without the two dashes npm keeps the flag to itself, and puts it here.
for (const flag of ["keep", "nodes", "pods"]) {
  if (process.env[`npm_config_${flag}`] === undefined) continue;
  console.error(`npm took --${flag} for its own: put two dashes before it, npm run demo -- --${flag}.`);
  process.exit(1);
}

function count(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new InvalidArgumentError("It must be a whole number from 1 to 999.");
  return Number(text);
}

const options = new Command("demo")
  .description(
    "Pods on addresses of a simulated VPC, on real Kubernetes: builds, starts, shows, takes everything away.",
  )
  .option("--keep", "leave it running, and say how to look around and how to stop it", false)
  .option("--nodes <count>", "how many nodes", count, 3)
  .option("--pods <count>", "how many pods", count, 12)
  .parse()
  .opts<{ keep: boolean; nodes: number; pods: number }>();

const interruption = new AbortController();
let exitCode = 1;
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) return;
    console.error(`\n${signal}: taking away what the demo has started`);
    exitCode = code;
    interruption.abort(new Error(`${signal} came`));
  });
}

try {
  const good = await demo({ ...options, signal: interruption.signal }, consoleProgress);
  console.log(
    good
      ? "\nEverything reached everything."
      : "\nNot everything was reached, or packets were dropped: see ✗ above.",
  );
  process.exit(good ? 0 : 1);
} catch (error) {
  console.error(`\nThe demo did not come to its end: ${error instanceof Error ? error.message : error}`);
  process.exit(exitCode);
}
