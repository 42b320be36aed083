import type { Daemon } from "./daemon.ts";
import { launch } from "./launch.ts";

/** Waits for the end of the command or of its owner, whichever is first, and ends the other's watch. */
const SCRIPT = `"$@" & command=$!
echo $command > "$PID_FILE"
tail --pid="$OWNER" --follow /dev/null & watch=$!
wait -n $command $watch
kill -KILL $command $watch`;

/** Starts a process in the background that dies with this one, at most a second later, however this one ends. */
export function startCompanion(
  name: string,
  argv: readonly string[],
  options: { log: string },
): Promise<Daemon> {
  return launch(name, argv, { log: options.log, script: SCRIPT, env: { OWNER: String(process.pid) } });
}
