import { binary } from "../build/binary.ts";
import { installDebianPackages } from "../build/debian-packages.ts";
import type { Progress } from "../build/progress.ts";
import { compileExecutables } from "../executables/compile.ts";
import { buildImage, type ImageFile } from "./build-image.ts";
import { sharedLibraries } from "./shared-libraries.ts";

/** Stock CNI plugins that the agent installs beside ours. */
const STOCK_PLUGINS = ["loopback", "portmap", "bandwidth"] as const;
/** Where the agent's image has the plugins that it installs. */
const PLUGINS_FOLDER = "/opt/tke-eni/bin";
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

export interface OurImages {
  /** Paths of OCI tars. */
  agent: string;
  ipamd: string;
  scheduler: string;
}

/**
 * Builds the images of the components from this machine's own libraries: no registry, no Docker. What they hold is what
 * `Dockerfile` puts together from Debian 12.
 */
export async function buildOurImages(progress: Progress): Promise<OurImages> {
  // nft and its libraries come from there.
  await installDebianPackages(progress);
  const compiled = await compileExecutables(progress);
  const nft = "/usr/sbin/nft";
  const stock = await Promise.all(
    STOCK_PLUGINS.map(async (name) => executable(`${PLUGINS_FOLDER}/${name}`, await binary(name, progress))),
  );
  return progress.step("building the images", async () => ({
    agent: await buildImage({
      name: "tke-eni.local/tke-eni-agent:dev",
      entrypoint: ["/usr/local/bin/tke-eni-agent"],
      files: [
        executable("/usr/local/bin/tke-eni-agent", compiled["tke-eni-agent"]),
        executable(`${PLUGINS_FOLDER}/tke-route-eni`, compiled["tke-eni-plugins"]),
        ...stock,
        executable(nft, nft),
        ...(await libraries([compiled["tke-eni-agent"], nft])),
      ],
    }),
    ipamd: await buildImage({
      name: "tke-eni.local/tke-eni-ipamd:dev",
      entrypoint: ["/usr/local/bin/tke-eni-ipamd"],
      files: [
        executable("/usr/local/bin/tke-eni-ipamd", compiled["tke-eni-ipamd"]),
        { path: CERTIFICATES, from: CERTIFICATES },
        ...(await libraries([compiled["tke-eni-ipamd"]])),
      ],
    }),
    scheduler: await buildImage({
      name: "tke-eni.local/tke-eni-ip-scheduler:dev",
      entrypoint: ["/usr/local/bin/tke-eni-ip-scheduler"],
      files: [
        executable("/usr/local/bin/tke-eni-ip-scheduler", compiled["tke-eni-ip-scheduler"]),
        ...(await libraries([compiled["tke-eni-ip-scheduler"]])),
      ],
    }),
  }));
}

function executable(path: string, from: string): ImageFile {
  return { path, from, mode: 0o755 };
}

async function libraries(executables: readonly string[]): Promise<ImageFile[]> {
  const paths = new Set((await Promise.all(executables.map(sharedLibraries))).flat());
  return [...paths].map((path) => executable(path, path));
}
