import { runCommand } from "../../../tools/build/run-command.ts";
import { buildImage } from "../../../tools/images/build-image.ts";

/** The image of pods' sandboxes. */
export const pauseImage = "tke-eni.local/pause:1";

/** A shell and small network tools, for test pods. Debian's `wget -T` crashes: put `timeout SECONDS` before it instead. */
export const busyboxImage = "tke-eni.local/busybox:1";

const busybox = { path: "/bin/busybox", from: "/bin/busybox", mode: 0o755 };

// A pod that is told nothing stays.
const stay = ["/bin/busybox", "sleep", "2147483647"];

/** Builds the images that every node has, and returns the paths of their tar files. */
export async function buildBaseImages(): Promise<string[]> {
  const applets = (await runCommand(["/bin/busybox", "--list"]))
    .split("\n")
    .filter((name) => name && name !== "busybox");
  const links = applets.map((applet) => ({ path: `/bin/${applet}`, link: "busybox" }));
  return [
    // The process of a sandbox only has to be there: with busybox for it no C compiler is needed.
    await buildImage({ name: pauseImage, files: [busybox], entrypoint: stay }),
    await buildImage({ name: busyboxImage, files: [busybox, ...links], entrypoint: stay }),
  ];
}
