import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Makes a folder under `parent` for this process to work in and to remove. Those of the same prefix whose process has ended,
 * because it was killed, are removed first.
 *
 * @param prefix no other program's files may start with it
 */
export async function createTemporaryFolder(parent: string, prefix: string): Promise<string> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1).split("-")[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  return mkdtemp(join(parent, `${prefix}-${process.pid}-`));
}
