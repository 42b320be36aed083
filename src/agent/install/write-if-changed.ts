import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { inOneStep, removeUnfinished } from "./in-one-step.ts";

/**
 * Makes a file hold exactly this, in one step for its readers: they see the old file or the new one. A file that holds it
 * already is left alone.
 *
 * @returns whether it had to be written
 * @throws when the disk does not take it; then the old file is still there
 */
export function writeIfChanged(path: string, content: string, mode: number): boolean {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  removeUnfinished(folder, Date.now());
  if (contentOf(path) === content) return false;
  inOneStep(path, (unfinished) => {
    writeFileSync(unfinished, content);
    chmodSync(unfinished, mode);
  });
  return true;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
