import { binary } from "../../../tools/build/binary.ts";
import type { Cluster } from "../cluster.ts";

/** Gives a node an image that `buildImage` made. Pods that use it want `imagePullPolicy: Never` or `IfNotPresent`. */
export async function importImage(
  cluster: Pick<Cluster, "nodeExec">,
  node: string,
  tar: string,
): Promise<void> {
  await cluster.nodeExec(node, [await binary("ctr"), "--namespace=k8s.io", "images", "import", tar]);
}
