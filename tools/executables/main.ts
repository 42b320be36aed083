// `npm run compile -- FOLDER`: compiles the project's executables and puts them into a folder.
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { consoleProgress } from "../build/progress.ts";
import { compileExecutables } from "./compile.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Name the folder for the executables: npm run compile -- FOLDER.");
  process.exit(1);
}
await mkdir(folder, { recursive: true });
for (const [name, path] of Object.entries(await compileExecutables(consoleProgress))) {
  await copyFile(path, join(folder, name));
  console.log(join(folder, name));
}
