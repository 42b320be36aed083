// `npm run bench -- NAME`: measures, prints a table, and with `--json FILE` writes it for programs.
import { writeFileSync } from "node:fs";
import { Argument, Command } from "commander";
import type { Bench } from "./bench.ts";
import { benchCni } from "./cni.ts";
import { benchDatapath } from "./datapath.ts";
import { benchDeployment } from "./deployment.ts";
import { rowOf, tableOf } from "./figure.ts";
import { machine } from "./machine.ts";
import { benchPool } from "./pool.ts";
import { benchRestarts } from "./restarts.ts";
import { benchScheduler } from "./scheduler.ts";

const benches: Readonly<Record<string, { run: Bench /** On real namespaces. */; real: boolean }>> = {
  pool: { run: benchPool, real: false },
  scheduler: { run: benchScheduler, real: false },
  cni: { run: benchCni, real: true },
  restarts: { run: benchRestarts, real: true },
  datapath: { run: benchDatapath, real: true },
  deployment: { run: benchDeployment, real: true },
};

const command = new Command("bench")
  .description("Measures one part of the project.")
  .addArgument(new Argument("<name>", "what to measure").choices(Object.keys(benches)))
  .option("--json <file>", "write the rows there, and every single value beside them, in FILE.raw.json")
  .parse();
const { run, real } = benches[command.processedArgs[0] as string] as (typeof benches)[string];
const { json } = command.opts<{ json?: string }>();
if (real && (process.platform !== "linux" || process.getuid?.() !== 0)) {
  console.error("This needs Linux and root, since it makes network namespaces: run it on Linux with sudo.");
  process.exit(1);
}

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    console.error(`\n${signal}: taking away what the benchmark has made`);
    interruption.abort(new Error(`${signal} came`));
  });
}

const say = (line: string) => console.log(line);
say(machine());
try {
  const { figures, raw } = await run({ say, signal: interruption.signal });
  const rows = figures.map(rowOf);
  say(`\n${tableOf(figures)}`);
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
    const beside = json.replace(/(\.json)?$/, ".raw.json");
    writeFileSync(beside, `${JSON.stringify({ machine: machine(), values: raw }, null, 2)}\n`);
  }
  process.exit(rows.some(({ met }) => met === false) ? 2 : 0);
} catch (error) {
  // What was running when the interruption came may have failed of it.
  const reason = interruption.signal.aborted ? interruption.signal.reason : error;
  console.error(
    `the benchmark did not come to its end: ${reason instanceof Error ? reason.message : reason}`,
  );
  process.exit(1);
}
