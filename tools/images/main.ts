// `npm run images`: builds the components' images as OCI tars and says where they are.
import { consoleProgress } from "../build/progress.ts";
import { buildOurImages } from "./our-images.ts";

for (const [name, tar] of Object.entries(await buildOurImages(consoleProgress)))
  console.log(`${name}\t${tar}`);
