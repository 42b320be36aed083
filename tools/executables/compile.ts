import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Glob } from "bun";
import type { Progress } from "../build/progress.ts";
import { runCommand } from "../build/run-command.ts";
import { type Executable, type ExecutableName, executables } from "./executables.ts";

const root = dirname(dirname(import.meta.dir));

/** Where executables are put; each state of the sources has a folder of its own. */
export const distFolder = join(root, "dist");

/** Compiles all of the project's executables, and returns their paths by name. */
export async function compileExecutables(progress: Progress): Promise<Record<ExecutableName, string>> {
  const paths: [string, string][] = [];
  for (const { name } of executables) paths.push([name, await compileExecutable(name, progress)]);
  return Object.fromEntries(paths) as Record<ExecutableName, string>;
}

/**
 * Compiles one of the project's executables into `dist/`, once for each state of the sources.
 *
 * @returns its path
 * @throws when `bun build` fails, with what it said
 */
export async function compileExecutable(name: ExecutableName, progress: Progress): Promise<string> {
  const executable: Executable | undefined = executables.find((it) => it.name === name);
  if (executable === undefined) throw new Error(`there is no executable ${name}`);
  const state = await sourceState();
  const folder = join(distFolder, state);
  const path = join(folder, name);
  if (existsSync(path)) return path;
  await removeOthers(state);
  await mkdir(folder, { recursive: true });
  await progress.step(`compiling ${name}`, async () => {
    // Beside its target: a build that is killed leaves nothing that looks finished.
    const unfinished = join(folder, `.${name}.${process.pid}`);
    const source = join(root, executable.entry);
    await runCommand([process.execPath, "build", ...executable.flags, source, "--outfile", unfinished], {
      cwd: root,
    });
    await rename(unfinished, path);
  });
  return path;
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
  await mkdir(distFolder, { recursive: true });
  for (const name of await readdir(distFolder)) {
    if (/^[0-9a-f]{16}$/.test(name) && name !== state) await rm(join(distFolder, name), { recursive: true });
  }
}
