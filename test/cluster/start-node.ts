import { runCommand } from "../../tools/build/run-command.ts";
import type { CertificateAuthority } from "./certificates.ts";
import { createNodeCgroup } from "./cgroup.ts";
import { startContainerd } from "./containerd.ts";
import { kubeconfigPath } from "./folders.ts";
import { importImage } from "./images/import-image.ts";
import { startKubeProxy } from "./kube-proxy.ts";
import { kubectl } from "./kubectl.ts";
import { startKubelet } from "./kubelet.ts";
import { enterNode, startNodeHolder } from "./node-mounts.ts";
import { waitUntil } from "./wait-until.ts";
import type { NodeMachine } from "./world.ts";

/** What all nodes share. */
export interface NodeParts {
  readonly authority: CertificateAuthority;
  readonly kubeProxyKubeconfig: string;
  /** Tar files of the images that every node has. */
  readonly images: readonly string[];
  readonly maxPods: number;
}

/** Makes a machine a node of the cluster: containerd, kubelet and kube-proxy run, and the node is registered. */
export async function startNode(node: NodeMachine, parts: NodeParts): Promise<void> {
  const holder = await startNodeHolder(node);
  createNodeCgroup(node.name);
  const enter = enterNode(holder);
  const containerd = await startContainerd(node.name, holder);
  const nodeExec = (_: string, argv: readonly string[]) => runCommand([...enter, ...argv]);
  for (const image of parts.images) await importImage({ nodeExec }, node.name, image);
  const kubelet = await startKubelet(node, holder, parts);
  await waitUntil(
    `the registration of ${node.name}`,
    () => kubectl(kubeconfigPath, ["get", "node", node.name, "--output=name"]),
    { deadlineMs: 60_000, daemons: [containerd, kubelet], intervalMs: 250 },
  );
  // Not before: it reads its node's address from the Node object.
  await startKubeProxy(node, holder, parts.kubeProxyKubeconfig);
}
