import { join, relative } from "node:path";
import type { Progress } from "../../tools/build/progress.ts";
import type { OurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { importImage } from "./images/import-image.ts";
import { getJson } from "./observe.ts";
import type { ClusterMode } from "./up.ts";
import { waitUntil } from "./wait-until.ts";

const overlays = join(import.meta.dir, "..", "..", "k8s", "overlays");

/** How long the components may take from apply to serving. */
const ROLLOUT_S = 120;

export interface DeployOptions {
  progress: Progress;
  /** As the cluster was brought up. */
  mode?: ClusterMode;
  /** Folder with the kustomization; k8s/overlays/simulated, in static mode simulated-static, unless said otherwise. */
  overlay?: string;
}

/** Gives every node the components' images, which `imagePullPolicy: Never` then finds. */
export async function giveImages(
  cluster: Cluster,
  images: Partial<OurImages>,
  progress: Progress,
): Promise<void> {
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
  {
    progress,
    mode,
    overlay = join(overlays, mode === "static" ? "simulated-static" : "simulated"),
  }: DeployOptions,
): Promise<void> {
  const { scheduler, ...others } = images;
  await giveImages(cluster, mode === "static" ? images : others, progress);
  await progress.step(`kubectl apply -k ${relative(process.cwd(), overlay)}`, () =>
    cluster.kubectl(["apply", "-k", overlay]),
  );
  const extender = mode === "static" ? "the extender, " : "";
  await progress.step(`waiting for ${extender}ipamd, the agents and Ready nodes`, async () => {
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
      await cluster.kubectl(["wait", "--for=condition=Ready", "nodes", "--all", timeout]);
      if (mode === "static") await extenderIsReady(cluster);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${await lastWords(cluster)}`);
    }
  });
}

/** Returns once one of its replicas answers kube-scheduler; the other never does meanwhile, so its rollout comes to no end. */
async function extenderIsReady(cluster: Cluster): Promise<void> {
  await waitUntil(
    "a ready tke-eni-ip-scheduler",
    async () => {
      const { status } = await getJson<{ status: { readyReplicas?: number } }>(
        cluster,
        ...["-n", "kube-system", "deployment", "tke-eni-ip-scheduler"],
      );
      return (status.readyReplicas ?? 0) > 0;
    },
    { deadlineMs: ROLLOUT_S * 1_000, intervalMs: 250 },
  );
}

/** What the components said last, for a person who must find out why they do not come up. */
export async function lastWords(cluster: Cluster): Promise<string> {
  const pods = await cluster.kubectl(["-n", "kube-system", "get", "pods", "-o", "wide"]);
  const logs = await Promise.all(
    ["tke-eni-ipamd", "tke-eni-agent", "tke-eni-ip-scheduler"].map((app) =>
      cluster
        .kubectl(["-n", "kube-system", "logs", "-l", `k8s-app=${app}`, "--tail=15", "--prefix"])
        .catch((error) => `no logs of ${app}: ${error}`),
    ),
  );
  return [pods, ...logs].join("\n");
}
