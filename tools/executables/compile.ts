import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import type { Progress } from "../build/progress.ts";
import { runCommand } from "../build/run-command.ts";
import { type ExecutableName, executables } from "./executables.ts";

const root = dirname(dirname(import.meta.dir));

/**
 * Compiles the project's executables into `dist/`, each once for each state of the sources.
 *
 * @returns their paths by name
 * @throws when `bun build` fails, with what it said
 */
export async function compileExecutables(progress: Progress): Promise<Record<ExecutableName, string>> {
  const state = await sourceState();
  const folder = join(root, "dist", state);
  const paths = Object.fromEntries(executables.map(({ name }) => [name, join(folder, name)]));
  const missing = executables.filter(({ name }) => !existsSync(paths[name] ?? ""));
  if (missing.length > 0) {
    await removeOthers(state);
    await mkdir(folder, { recursive: true });
    for (const { name, entry, flags } of missing) {
      await progress.step(`compiling ${name}`, async () => {
        // Beside its target: a build that is killed leaves nothing that looks finished.
        const unfinished = join(folder, `.${name}.${process.pid}`);
        await runCommand([process.execPath, "build", ...flags, join(root, entry), "--outfile", unfinished], {
          cwd: root,
        });
        await rename(unfinished, paths[name] ?? "");
      });
    }
  }
  return paths as Record<ExecutableName, string>;
}

/** Hash of everything that decides what the executables are. */
async function sourceState(): Promise<string> {
  const hash = createHash("sha256").update(`${Bun.version} ${process.arch} ${JSON.stringify(executables)}`);
  const files = ["package.json", "bun.lock", "tsconfig.json"];
  for await (const file of new Glob("src/**/*.ts").scan({ cwd: root })) {
    if (!file.endsWith(".spec.ts")) files.push(file);
  }
  for (const file of files.sort()) hash.update(`${file}\0`).update(await Bun.file(join(root, file)).bytes());
  return hash.digest("hex").slice(0, 16);
}

/** An executable has 110 MB, and there is a new one after each change. */
async function removeOthers(state: string): Promise<void> {
  const dist = join(root, "dist");
  await mkdir(dist, { recursive: true });
  for (const name of await readdir(dist)) {
    if (/^[0-9a-f]{16}$/.test(name) && name !== state) await rm(join(dist, name), { recursive: true });
  }
}
