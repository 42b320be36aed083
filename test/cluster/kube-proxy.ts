import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { binary } from "../../tools/build/binary.ts";
import type { CertificateAuthority } from "./certificates.ts";
import { componentKubeconfig, writeClusterKubeconfig } from "./cluster-certificates.ts";
import type { Daemon } from "./daemon.ts";
import { configurationFolder } from "./folders.ts";
import { enterNode } from "./node-mounts.ts";
import { startDaemon } from "./start-daemon.ts";
import { controlPlane, type NodeMachine } from "./world.ts";

/** Makes the one identity that all kube-proxies share, as in other clusters. Returns the path of its kubeconfig. */
export async function createKubeProxyKubeconfig(authority: CertificateAuthority): Promise<string> {
  return writeClusterKubeconfig(authority, componentKubeconfig("kube-proxy"), { name: "system:kube-proxy" });
}

/** How kube-proxy writes its rules. */
export type KubeProxyMode = "nftables" | "iptables";

/** A configuration for kube-proxy on a node of a VPC-CNI (docs/how-to/services.md has why each line is there). */
export function kubeProxyConfiguration(options: {
  kubeconfig: string;
  nodeName: string;
  mode: KubeProxyMode;
  /** What kube-proxy takes for a client on its own node, as its configuration has it; unless said otherwise, the node's pods. */
  local?: object;
}): string {
  return stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: options.kubeconfig },
    hostnameOverride: options.nodeName,
    mode: options.mode,
    // Local is what comes from this node's pods: the VPC's block would take other nodes' pods for local too.
    ...(options.local ?? {
      detectLocalMode: "InterfaceNamePrefix",
      detectLocal: { interfaceNamePrefix: "eni" },
    }),
    // All addresses of the node, those of its ENIs too, whichever mode.
    nodePortAddresses: ["0.0.0.0/0"],
    // The size of the connection table is the machine's, and a network namespace may not set it.
    conntrack: { maxPerCore: 0, min: 0 },
    oomScoreAdj: 0,
  });
}

/** Starts kube-proxy on a node, in nftables mode. */
export async function startKubeProxy(node: NodeMachine, holder: Daemon, kubeconfig: string): Promise<Daemon> {
  return start(node.name, { enter: enterNode(holder), kubeconfig, nodeName: node.name });
}

/**
 * Starts kube-proxy on the control plane's machine, which has one where it is a node as well, as kubeadm makes it. Here it is none: so that
 * kube-proxy does not wait half a minute for its Node, it is told a node's name, which decides only what is local to it.
 */
export async function startControlPlaneProxy(node: NodeMachine, kubeconfig: string): Promise<Daemon> {
  const enter = ["nsenter", `--net=/run/netns/${controlPlane.namespace}`, "--"];
  return start(controlPlane.name, { enter, kubeconfig, nodeName: node.name });
}

async function start(
  machine: string,
  { enter, kubeconfig, nodeName }: { enter: readonly string[]; kubeconfig: string; nodeName: string },
): Promise<Daemon> {
  const configuration = join(configurationFolder, `${machine}-kube-proxy.yaml`);
  await writeFile(configuration, kubeProxyConfiguration({ kubeconfig, nodeName, mode: "nftables" }));
  return startDaemon(`${machine}-kube-proxy`, [
    ...enter,
    await binary("kube-proxy"),
    `--config=${configuration}`,
  ]);
}
