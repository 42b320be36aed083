import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Makes a file hold exactly this, in one step for its readers: they see the old file or the new one. A file that holds it
 * already is left alone.
 *
 * @returns whether it had to be written
 */
export function writeIfChanged(path: string, content: string, mode: number): boolean {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return false;
  // A dot and no suffix that a runtime would load, should this process die in between.
  const unfinished = join(dirname(path), `.tke-eni-agent.${process.pid}.tmp`);
  try {
    writeFileSync(unfinished, content);
    chmodSync(unfinished, mode);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return true;
}
