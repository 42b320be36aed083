import { readFileSync } from "node:fs";
import { signalIfThere } from "./signal-if-there.ts";

/** A process in the background, and how to know it again. Plain data: it can be kept in a file. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Clock ticks from boot to the process's start: with the pid, it names one process until the next boot. */
  readonly startTime: string;
  /** The file that its standard output and error are appended to. */
  readonly log: string;
}

/** Whether this very process still runs; another one that got its pid does not count, nor does a zombie. */
export function isAlive(daemon: Daemon): boolean {
  const found = readProcess(daemon.pid);
  return found !== undefined && found.startTime === daemon.startTime && found.state !== "Z";
}

/** Describes the process that has this pid now. Throws if it has ended already. */
export function identifyDaemon(name: string, options: { pid: number; log: string }): Daemon {
  const found = readProcess(options.pid);
  const daemon = { name, pid: options.pid, startTime: found?.startTime ?? "", log: options.log };
  if (found === undefined) throw new Error(`${name} ended at once; ${logTail(daemon)}`);
  return daemon;
}

function readProcess(pid: number): { state: string; startTime: string } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field, the command's name in parentheses, may hold spaces; proc(5) numbers the fields from 1.
  const fromThird = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fromThird[3 - 3] ?? "", startTime: fromThird[22 - 3] ?? "" };
}

/** Asks the process to end, and kills it if it has not within `graceMs`. Returns when it is gone. */
export async function stopDaemon(daemon: Daemon, graceMs = 5000): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGTERM", graceMs],
    ["SIGKILL", 10_000],
  ] as const) {
    if (!isAlive(daemon)) return;
    signalIfThere(daemon.pid, signal);
    const deadline = performance.now() + patienceMs;
    while (isAlive(daemon) && performance.now() < deadline) await Bun.sleep(10);
  }
  if (isAlive(daemon))
    throw new Error(`${daemon.name} (pid ${daemon.pid}) survives SIGKILL: it hangs in the kernel.`);
}

/** The last lines of a daemon's log, after a line that says where the log is. */
export function logTail(daemon: Daemon, lines = 15): string {
  let text: string;
  try {
    text = readFileSync(daemon.log, "utf8");
  } catch {
    text = "(there is no log)";
  }
  return `the end of ${daemon.log}:\n${text.trimEnd().split("\n").slice(-lines).join("\n")}`;
}
