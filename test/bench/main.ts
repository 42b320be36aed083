// `npm run bench -- NAME`: measures, prints a table, and with `--json FILE` writes it for programs.
import { writeFileSync } from "node:fs";
import { Argument, Command } from "commander";
import { type Figure, rowOf, tableOf } from "./figure.ts";
import { benchPool } from "./pool.ts";

const benches: Readonly<Record<string, (say: (line: string) => void) => Promise<Figure[]>>> = {
  pool: benchPool,
};

const command = new Command("bench")
  .description("Measures one part of the project.")
  .addArgument(new Argument("<name>", "what to measure").choices(Object.keys(benches)))
  .option("--json <file>", "write the rows there")
  .parse();
const name = command.processedArgs[0] as string;
const figures = await (benches[name] as (typeof benches)[string])((line) => console.log(line));
console.log(`\n${tableOf(figures)}`);
const { json } = command.opts<{ json?: string }>();
if (json !== undefined) writeFileSync(json, `${JSON.stringify(figures.map(rowOf), null, 2)}\n`);
process.exit(figures.map(rowOf).some(({ met }) => met === false) ? 2 : 0);
