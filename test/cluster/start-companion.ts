import { closeSync, openSync } from "node:fs";
import { type Daemon, identifyDaemon } from "./daemon.ts";

/** Starts a process in the background that dies with this one, however this one ends. Its output is appended to `log`. */
export function startCompanion(name: string, argv: readonly string[], options: { log: string }): Daemon {
  const log = openSync(options.log, "a", 0o600);
  try {
    // The kernel kills it when its parent dies, also when that is by SIGKILL.
    const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...argv], { stdio: ["ignore", log, log] });
    child.unref();
    return identifyDaemon(name, { pid: child.pid, log: options.log });
  } finally {
    closeSync(log);
  }
}
