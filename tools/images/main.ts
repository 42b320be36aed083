// `npm run images`: builds the components' images as OCI tars and says where they are.
import { Command } from "commander";
import { consoleProgress } from "../build/progress.ts";
import { buildOurImages } from "./our-images.ts";

const command = new Command("images")
  .description(
    "Builds the components' images as OCI tars, without Docker or a registry, and prints their paths.",
  )
  .action(async () => {
    for (const [name, tar] of Object.entries(await buildOurImages(consoleProgress))) {
      console.log(`${name}\t${tar}`);
    }
  });

try {
  await command.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
