import { binary } from "../../tools/build/binary.ts";
import type { Cluster } from "./cluster.ts";

/**
 * Puts stock CNI plugins into a node's /opt/cni/bin, which is empty at first: what is not brought by the product is not
 * there by luck.
 */
export async function installStockPlugins(
  cluster: Cluster,
  node: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names)
    await cluster.nodeExec(node, ["install", "--mode=0755", await binary(name), "/opt/cni/bin/"]);
}
