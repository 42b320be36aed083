// `npm run compile -- FOLDER`: compiles the project's executables and puts them into a folder.
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { consoleProgress } from "../build/progress.ts";
import { compileExecutables } from "./compile.ts";

const command = new Command("compile")
  .description("Compiles the project's executables.")
  .argument("<folder>", "where they are put; it is made if need be")
  .action(async (folder: string) => {
    await mkdir(folder, { recursive: true });
    for (const [name, path] of Object.entries(await compileExecutables(consoleProgress))) {
      await copyFile(path, join(folder, name));
      console.log(join(folder, name));
    }
  });

try {
  await command.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
