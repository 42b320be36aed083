import { readFileSync } from "node:fs";
import { availableParallelism, release } from "node:os";

/** What the figures were measured on: processor, cores, kernel. */
export function machine(): string {
  const model = /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "processor";
  return `${model}, ${availableParallelism()} cores, Linux ${release()}`;
}
