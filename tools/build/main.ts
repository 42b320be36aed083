// `npm run build`: builds what tests and demo run, and says where it is.
import { Command } from "commander";
import { binary } from "./binary.ts";
import { programNames } from "./go-programs.ts";
import { consoleProgress } from "./progress.ts";

const command = new Command("build")
  .description(
    "Builds the pinned programs (etcd, Kubernetes, containerd, CNI plugins) once into the cache and prints their paths.",
  )
  .argument("[program...]", `which to build (default: all of ${programNames.join(", ")})`)
  .action(async (names: string[]) => {
    for (const name of names.length === 0 ? programNames : names)
      console.log(await binary(name, consoleProgress));
  });

try {
  await command.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
