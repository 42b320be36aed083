import { join, relative } from "node:path";
import type { Progress } from "../../tools/build/progress.ts";
import type { OurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { importImage } from "./images/import-image.ts";

const simulatedOverlay = join(import.meta.dir, "..", "..", "k8s", "overlays", "simulated");

/** How long the components may take from apply to serving. */
const ROLLOUT_S = 120;

export interface DeployOptions {
  progress: Progress;
  /** Folder with the kustomization; k8s/overlays/simulated unless said otherwise. */
  overlay?: string;
}

/** Gives every node the components' images, which `imagePullPolicy: Never` then finds. */
export async function giveImages(cluster: Cluster, images: OurImages, progress: Progress): Promise<void> {
  await progress.step("giving the nodes the images", async () => {
    await Promise.all(
      cluster.nodes.map(async (node) => {
        for (const tar of Object.values(images)) await importImage(cluster, node.name, tar);
      }),
    );
  });
}

/**
 * Brings the components onto a cluster as a person would: images onto the nodes, `kubectl apply -k`, and waiting until every
 * node is Ready, which it is when its agent serves.
 *
 * @throws when they do not come up in time, with what the pods said last
 */
export async function deploy(
  cluster: Cluster,
  images: OurImages,
  { progress, overlay = simulatedOverlay }: DeployOptions,
): Promise<void> {
  await giveImages(cluster, images, progress);
  await progress.step(`kubectl apply -k ${relative(process.cwd(), overlay)}`, () =>
    cluster.kubectl(["apply", "-k", overlay]),
  );
  await progress.step("waiting for ipamd, the agents and Ready nodes", async () => {
    try {
      const system = ["-n", "kube-system"];
      const timeout = `--timeout=${ROLLOUT_S}s`;
      // Not its rollout: on a cluster of one node ipamd's second replica has no place, and is not needed.
      await cluster.kubectl([
        ...system,
        "wait",
        "--for=condition=Available",
        "deployment/tke-eni-ipamd",
        timeout,
      ]);
      await cluster.kubectl([...system, "rollout", "status", "daemonset/tke-eni-agent", timeout]);
      await cluster.kubectl(["wait", "--for=condition=Ready", "nodes", "--all", `--timeout=${ROLLOUT_S}s`]);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${await lastWords(cluster)}`);
    }
  });
}

/** What the components said last, for a person who must find out why they do not come up. */
export async function lastWords(cluster: Cluster): Promise<string> {
  const pods = await cluster.kubectl(["-n", "kube-system", "get", "pods", "-o", "wide"]);
  const logs = await Promise.all(
    ["tke-eni-ipamd", "tke-eni-agent"].map((app) =>
      cluster
        .kubectl(["-n", "kube-system", "logs", "-l", `k8s-app=${app}`, "--tail=15", "--prefix"])
        .catch((error) => `no logs of ${app}: ${error}`),
    ),
  );
  return [pods, ...logs].join("\n");
}
