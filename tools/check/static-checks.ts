import { dirname, join } from "node:path";
import { arrowFaults } from "./arrows.ts";

const root = dirname(dirname(import.meta.dir));
const bin = join(root, "node_modules", ".bin");

async function command(...argv: string[]): Promise<boolean> {
  const child = Bun.spawn(argv, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

async function arrows(): Promise<boolean> {
  const faults = await arrowFaults(root);
  for (const fault of faults) console.error(fault);
  return faults.length === 0;
}

/** What is checked without running the project; each says on standard error what is wrong. */
export const staticChecks: ReadonlyArray<{ name: string; run: () => Promise<boolean> }> = [
  { name: "format and lint", run: () => command(join(bin, "biome"), "check", "--error-on-warnings") },
  { name: "types", run: () => command(join(bin, "tsc"), "-p", ".") },
  { name: "arrows", run: arrows },
  { name: "protobuf lint", run: () => command(join(bin, "buf"), "lint") },
  { name: "generated files", run: () => command(process.execPath, "tools/generate.ts", "--check") },
];
