import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createDaemonCgroup } from "./cgroup.ts";
import { type Daemon, identifyDaemon } from "./daemon.ts";
import { saveDaemon } from "./daemon-records.ts";
import { logFolder, runFolder } from "./folders.ts";
import { waitUntil } from "./wait-until.ts";

/** Enters the control group, tells its pid, and becomes the daemon. */
const START = 'echo $$ > "$1" && echo $$ > "$2" && shift 2 && exec "$@"';

/**
 * Starts a process of the cluster, which outlives this program. It is recorded under its name, and its output is appended to
 * a file of that name in the cluster's log folder.
 *
 * @param options.env variables on top of this process's own
 */
export async function startDaemon(
  name: string,
  argv: readonly string[],
  options: { env?: Readonly<Record<string, string>> } = {},
): Promise<Daemon> {
  const logPath = join(logFolder, `${name}.log`);
  const pidFile = join(runFolder, `${name}.pid`);
  const group = join(createDaemonCgroup(), "cgroup.procs");
  const log = openSync(logPath, "a", 0o600);
  try {
    // No child of ours: `bun test` kills those when a test times out.
    Bun.spawnSync(["setsid", "--fork", "sh", "-c", START, "sh", group, pidFile, ...argv], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...options.env },
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
  const daemon = identifyDaemon(name, { pid, log: logPath });
  await saveDaemon(daemon);
  return daemon;
}
