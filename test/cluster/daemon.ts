import { closeSync, openSync, readFileSync } from "node:fs";

/** A process that outlives the program that started it, and how to know it again. Plain data: it is kept in a file. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Clock ticks from boot to the process's start: with the pid, it names one process until the next boot. */
  readonly startTime: string;
  /** The file that its standard output and error are appended to. */
  readonly log: string;
}

/** What to start. */
export interface DaemonSpec {
  readonly name: string;
  readonly argv: readonly string[];
  readonly log: string;
  /** Variables on top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process in a session of its own, so that neither Ctrl-C nor the end of this program reaches it. */
export function startDaemon(spec: DaemonSpec): Daemon {
  const log = openSync(spec.log, "a", 0o600);
  try {
    const child = Bun.spawn([...spec.argv], {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...spec.env },
    });
    child.unref();
    const startTime = readProcess(child.pid)?.startTime;
    return { name: spec.name, pid: child.pid, startTime: startTime ?? "gone", log: spec.log };
  } finally {
    closeSync(log);
  }
}

/** Whether this very process still runs; another one that got its pid does not count, nor does a zombie. */
export function isAlive(daemon: Daemon): boolean {
  const found = readProcess(daemon.pid);
  return found !== undefined && found.startTime === daemon.startTime && found.state !== "Z";
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
    process.kill(daemon.pid, signal);
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
