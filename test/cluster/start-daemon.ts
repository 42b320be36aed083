import { join } from "node:path";
import { createDaemonCgroup } from "./cgroup.ts";
import type { Daemon } from "./daemon.ts";
import { saveDaemon } from "./daemon-records.ts";
import { logFolder } from "./folders.ts";
import { launch } from "./launch.ts";

/** Enters the control group, tells its pid, and becomes the daemon. */
const SCRIPT =
  'echo $$ > "$CGROUP/cgroup.procs" && echo $$ > "$PID_FILE" && unset CGROUP PID_FILE && exec "$@"';

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
  const env = { ...options.env, CGROUP: createDaemonCgroup() };
  const daemon = await launch(name, argv, { log: join(logFolder, `${name}.log`), script: SCRIPT, env });
  await saveDaemon(daemon);
  return daemon;
}
