import type { Progress } from "../../tools/build/progress.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { type UpOptions, up } from "./up.ts";

export interface UpStaticOptions extends Omit<UpOptions, "mode"> {
  /** Folder with the kustomization; k8s/overlays/simulated-static unless said otherwise. */
  readonly overlay?: string;
}

/**
 * Starts a cluster with fixed addresses and everything deployed in it: kube-scheduler with the extender, ipamd, agents. Returns when they
 * serve.
 *
 * @throws as `up` and `deploy` do
 */
export async function upStatic(
  { overlay, ...options }: UpStaticOptions,
  progress: Progress,
): Promise<Cluster> {
  const cluster = await up({ ...options, mode: "static" }, progress);
  await deploy(cluster, await buildOurImages(progress), {
    progress,
    mode: "static",
    ...(overlay !== undefined && { overlay }),
  });
  return cluster;
}
