import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { simulatedWorld } from "../../src/sim/config.ts";
import { binary } from "../../tools/build/binary.ts";
import type { CertificateAuthority } from "./certificates.ts";
import { componentKubeconfig, writeClusterKubeconfig } from "./cluster-certificates.ts";
import type { Daemon } from "./daemon.ts";
import { configurationFolder } from "./folders.ts";
import { enterNode } from "./node-mounts.ts";
import { startDaemon } from "./start-daemon.ts";
import type { NodeMachine } from "./world.ts";

/** Makes the one identity that all kube-proxies share, as in other clusters. Returns the path of its kubeconfig. */
export async function createKubeProxyKubeconfig(authority: CertificateAuthority): Promise<string> {
  return writeClusterKubeconfig(authority, componentKubeconfig("kube-proxy"), { name: "system:kube-proxy" });
}

/** Starts kube-proxy on a node, in nftables mode. */
export async function startKubeProxy(node: NodeMachine, holder: Daemon, kubeconfig: string): Promise<Daemon> {
  const configuration = join(configurationFolder, `${node.name}-kube-proxy.yaml`);
  await writeFile(
    configuration,
    stringify({
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      clientConnection: { kubeconfig },
      hostnameOverride: node.name,
      mode: "nftables",
      // Pods have addresses of the VPC: what comes from there is local and keeps its source address.
      clusterCIDR: simulatedWorld().vpcs[0]?.cidr,
      // The size of the connection table is the machine's, and a network namespace may not set it.
      conntrack: { maxPerCore: 0, min: 0 },
      oomScoreAdj: 0,
    }),
  );
  return startDaemon(`${node.name}-kube-proxy`, [
    ...enterNode(holder),
    await binary("kube-proxy"),
    `--config=${configuration}`,
  ]);
}
