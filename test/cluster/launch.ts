import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { type Daemon, identifyDaemon } from "./daemon.ts";
import { waitUntil } from "./wait-until.ts";

/** How a process is launched. */
export interface LaunchOptions {
  /** Its output is appended to this file. */
  readonly log: string;
  /** What runs, in bash: it finds the command in `"$@"`, and writes the pid by which the daemon is known to `$PID_FILE`. */
  readonly script: string;
  /** Variables on top of this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a process that is no child of this one, in a session of its own. Neither Ctrl-C nor this process's end reaches it,
 * and neither does `bun test`, which kills all children when a test times out: the next test would find no cluster.
 */
export async function launch(name: string, argv: readonly string[], options: LaunchOptions): Promise<Daemon> {
  const pidFile = `${options.log}.pid`;
  await rm(pidFile, { force: true });
  const log = openSync(options.log, "a", 0o600);
  try {
    Bun.spawnSync(["setsid", "--fork", "bash", "-c", options.script, name, ...argv], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...options.env, PID_FILE: pidFile },
    });
  } finally {
    closeSync(log);
  }
  const pid = await waitUntil(
    `the start of ${name}`,
    async () => Number(await readFile(pidFile, "utf8")) || undefined,
    {
      deadlineMs: 10_000,
      intervalMs: 5,
    },
  );
  await rm(pidFile);
  return identifyDaemon(name, { pid, log: options.log });
}
