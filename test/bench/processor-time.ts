import { readFileSync } from "node:fs";

/** Ticks a second of the times in /proc, on every Linux that there is. */
const TICKS = 100;

/** Milliseconds that a process has had a processor, in user and in kernel mode (proc(5), `stat`, fields 14 and 15). */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is a name, which may have spaces and parentheses.
  const fromThird = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fromThird[14 - 3]) + Number(fromThird[15 - 3])) * 1000) / TICKS;
}
