import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import { type GoModule, moduleOf, programNames, requiredVersion } from "./go-programs.ts";
import { consoleProgress, type Progress } from "./progress.ts";
import { runCommand } from "./run-command.ts";

const toolsFolder = join(import.meta.dir, "..");

/** Static programs without C: they run in any image, and need no compiler but Go's own. */
const BUILD_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false", GOWORK: "off" };

interface Recipe {
  /** Folder of the cache for this module's programs; its name changes with anything that changes what is built. */
  readonly folder: string;
  /** `go build …` without output and package. */
  readonly command: readonly string[];
  readonly moduleFolder: string;
}

const recipes = new Map<string, Promise<Recipe>>();

async function makeRecipe(module: GoModule): Promise<Recipe> {
  const moduleFolder = join(toolsFolder, module.folder);
  const [goMod, goSum, goVersion] = await Promise.all([
    readFile(join(moduleFolder, "go.mod"), "utf8"),
    readFile(join(moduleFolder, "go.sum"), "utf8"),
    runCommand(["go", "version"], { cwd: moduleFolder }),
  ]);
  const variables = Object.entries(module.versionVariables(requiredVersion(goMod, module.versionOf)));
  const linkerFlags = ["-s", "-w", ...variables.map(([name, value]) => `-X=${name}=${value}`)];
  const command = [
    "go",
    "build",
    "-trimpath",
    "-mod=readonly",
    `-tags=${module.tags.join(",")}`,
    `-ldflags=${linkerFlags.join(" ")}`,
  ];
  const key = createHash("sha256")
    .update(JSON.stringify([goMod, goSum, goVersion, command, BUILD_ENVIRONMENT]))
    .digest("hex");
  return { folder: join(cacheFolder(), "go", `${module.folder}-${key.slice(0, 12)}`), command, moduleFolder };
}

function recipeOf(module: GoModule): Promise<Recipe> {
  let recipe = recipes.get(module.folder);
  if (recipe === undefined) {
    recipe = makeRecipe(module);
    recipes.set(module.folder, recipe);
  }
  return recipe;
}

/**
 * The path of a pinned program (`kubelet`, `etcd`, `ptp`, …; see go-programs.ts) in the cache, after building it if it is
 * not there. Two processes that want the same program build it once: the second waits for the first. A program appears
 * under its name only when it is whole, so a killed build leaves nothing that looks ready.
 *
 * Throws if no module pins the name, or with the compiler's message if the build fails.
 */
export async function binary(name: string, progress: Progress = consoleProgress): Promise<string> {
  const module = moduleOf(name);
  const recipe = await recipeOf(module);
  const path = join(recipe.folder, name);
  if (existsSync(path)) return path;
  await mkdir(recipe.folder, { recursive: true });
  const build = [...recipe.command, "-o", `${path}.unfinished`, module.programs[name] ?? ""];
  const place = `${programNames.indexOf(name) + 1} of ${programNames.length}`;
  await progress.step(`building ${name} (${place})`, () =>
    runCommand(
      // The lock is freed by the kernel when its holder dies, however it dies.
      [
        "flock",
        `${path}.lock`,
        "sh",
        "-c",
        'test -e "$0" || { "$@" && mv "$0.unfinished" "$0"; }',
        path,
        ...build,
      ],
      { cwd: recipe.moduleFolder, env: BUILD_ENVIRONMENT },
    ),
  );
  return path;
}

/** Builds whatever of the pinned programs is not in the cache, one after another, and returns the path of each by name. */
export async function binaries(
  names: readonly string[] = programNames,
  progress: Progress = consoleProgress,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const name of names) paths[name] = await binary(name, progress);
  return paths;
}
