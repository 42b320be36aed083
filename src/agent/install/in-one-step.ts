import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** No runtime takes a file with this end for a plugin or a configuration. */
const UNFINISHED = ".tke-eni-unfinished";
/** Nobody works at a file for so long without touching it. */
const LEFT_AFTER_MS = 60_000;

/**
 * Puts a file into its place in one step: whoever opens the path gets the old file or the whole new one, also after a power
 * cut. It is made under another name in the same folder, unlike that of any other process: two agents of a node, each of which
 * may have pid 1, can do this at one time.
 *
 * @param make makes the file under the name that it is given
 */
export function inOneStep(target: string, make: (unfinished: string) => void): void {
  const folder = dirname(target);
  const unfinished = join(folder, `.${basename(target)}.${crypto.randomUUID().slice(0, 8)}${UNFINISHED}`);
  try {
    make(unfinished);
    sync(unfinished);
    renameSync(unfinished, target);
    sync(folder);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Removes what killed runs have left in a folder, and nothing that somebody may be working at. */
export function removeUnfinished(folder: string, now: number): void {
  for (const name of readdirSync(folder).filter((name) => name.endsWith(UNFINISHED))) {
    const path = join(folder, name);
    // Not the time of the content, which a hard link has from long ago.
    const changed = lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? now;
    if (now - changed > LEFT_AFTER_MS) rmSync(path, { force: true });
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
