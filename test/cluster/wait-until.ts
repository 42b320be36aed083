import { type Daemon, isAlive, logTail } from "./daemon.ts";

/** How long to wait, and for whom. */
export interface WaitOptions {
  readonly deadlineMs: number;
  /** Processes on which the condition depends: waiting ends when one dies, and their logs tell why it took too long. */
  readonly daemons?: readonly Daemon[];
  readonly intervalMs?: number;
}

/**
 * Waits until `check` answers something other than undefined or false, and returns that. An error of `check` counts as "not yet"
 * and is told if it is the last one.
 *
 * @throws when the deadline passes or a daemon dies first: the sentence says what was waited for, and shows the ends of
 * the daemons' logs.
 */
export async function waitUntil<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.deadlineMs;
  const daemons = options.daemons ?? [];
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const dead = daemons.find((daemon) => !isAlive(daemon));
    if (dead !== undefined) {
      throw new Error(`${dead.name} ended while ${what} was waited for; ${logTail(dead)}`);
    }
    if (performance.now() > deadline) {
      const reason = lastError instanceof Error ? ` (${lastError.message})` : "";
      const logs = daemons.map((daemon) => `\n${logTail(daemon)}`).join("");
      throw new Error(`${what}: not within ${options.deadlineMs / 1000} s${reason}.${logs}`);
    }
    await Bun.sleep(options.intervalMs ?? 50);
  }
}
