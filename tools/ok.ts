// `npm run ok`: what a reviewer runs. Format, lint, types, arrows between rooms, generated files current, unit tests.
import { dirname, join } from "node:path";
import { arrowFaults } from "./check/arrows.ts";

const root = dirname(import.meta.dir);
const bin = join(root, "node_modules", ".bin");
const bun = process.execPath;

async function command(...argv: string[]): Promise<boolean> {
  const child = Bun.spawn(argv, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

async function arrows(): Promise<boolean> {
  const faults = await arrowFaults(root);
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

const checks: ReadonlyArray<readonly [string, () => Promise<boolean>]> = [
  ["format and lint", () => command(join(bin, "biome"), "check", "--error-on-warnings")],
  ["types", () => command(join(bin, "tsc"), "-p", ".")],
  ["arrows", arrows],
  ["protobuf lint", () => command(join(bin, "buf"), "lint")],
  ["generated files", () => command(bun, "tools/generate.ts", "--check")],
  ["unit tests", () => command(bun, "test", "src", "tools")],
];

const failed: string[] = [];
for (const [name, run] of checks) {
  const start = performance.now();
  console.log(`── ${name}`);
  const passed = await run();
  console.log(`${passed ? "✓" : "✗"} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (!passed) failed.push(name);
}
if (failed.length > 0) {
  console.error(`not ok: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("ok");
