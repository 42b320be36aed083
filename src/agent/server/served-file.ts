import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVED_FILE } from "../../api/agent-paths.ts";

/** A plugin takes an agent for gone whose file is older than a minute. */
const PERIOD_MS = 10_000;

/**
 * Touches the file by which plugins tell, when nobody answers, that this node has served since its boot and how long ago: the run
 * folder does not outlive the boot.
 *
 * @param onFailure is told when the file cannot be written; it is tried again
 * @returns a function that ends it and leaves the file
 */
export function touchServedFile(runFolder: string, onFailure: (error: unknown) => void): () => void {
  const path = join(runFolder, SERVED_FILE);
  const touch = () => {
    try {
      mkdirSync(runFolder, { recursive: true, mode: 0o700 });
      writeFileSync(path, "", { flag: "a", mode: 0o600 });
      const now = new Date();
      utimesSync(path, now, now);
    } catch (error) {
      onFailure(error);
    }
  };
  touch();
  const timer = setInterval(touch, PERIOD_MS);
  return () => clearInterval(timer);
}
