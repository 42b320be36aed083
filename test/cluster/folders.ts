import { join } from "node:path";

/** What must be on a real disk: containerd's overlayfs, etcd, logs. */
export const stateFolder = "/var/lib/tke-eni-cluster";

/** What is about this boot's processes. */
export const runFolder = "/run/tke-eni-cluster";

/** One file for each daemon, see daemon-records.ts. */
export const daemonsFolder = join(runFolder, "daemons");

export const logFolder = join(stateFolder, "log");

export const certificatesFolder = join(stateFolder, "certificates");

/** Kubeconfigs of the components, and their configuration. */
export const configurationFolder = join(stateFolder, "configuration");

/** The administrator's kubeconfig. */
export const kubeconfigPath = join(stateFolder, "kubeconfig");

/** Everything of one node: its own /var/lib/kubelet, /etc/cni/net.d, … */
export function nodeFolder(node: string): string {
  return join(stateFolder, "nodes", node);
}
