import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { binary } from "../../tools/build/binary.ts";
import type { Certificate, CertificateAuthority } from "./certificates.ts";
import { nodeCgroup } from "./cgroup.ts";
import { componentKubeconfig, writeClusterKubeconfig } from "./cluster-certificates.ts";
import type { Daemon } from "./daemon.ts";
import { configurationFolder } from "./folders.ts";
import { enterNode } from "./node-mounts.ts";
import { dnsServiceAddress } from "./service-network.ts";
import { startDaemon } from "./start-daemon.ts";
import { type NodeMachine, region } from "./world.ts";

/**
 * What pods get that ask for their node's DNS. There is none in the simulated world, and the loopback says so at once; the
 * host's servers are out of reach, and its file may be a link into its own /run.
 */
const resolvConf = join(configurationFolder, "resolv.conf");

/** Starts the kubelet of a node, with a client certificate for this node alone. */
export async function startKubelet(
  node: NodeMachine,
  holder: Daemon,
  { authority, maxPods }: { authority: CertificateAuthority; maxPods: number },
): Promise<Daemon> {
  const kubeconfig = await writeClusterKubeconfig(authority, componentKubeconfig(`${node.name}-kubelet`), {
    name: `system:node:${node.name}`,
    groups: ["system:nodes"],
  });
  const serving = await authority.issue({
    name: `${node.name}-kubelet-serving`,
    commonName: `system:node:${node.name}`,
    organizations: ["system:nodes"],
    usage: "serverAuth",
    alternativeNames: [`DNS:${node.name}`, `IP:${node.address}`],
  });
  await writeFile(resolvConf, "nameserver 127.0.0.1\n");
  const configuration = join(configurationFolder, `${node.name}-kubelet.yaml`);
  await writeFile(configuration, stringify(kubeletConfiguration(node, { authority, serving, maxPods })));
  // As a cloud's node has them; a kubelet may give itself these labels and no others of kubernetes.io.
  const labels = {
    "topology.kubernetes.io/region": region,
    "topology.kubernetes.io/zone": node.zone,
    "node.kubernetes.io/instance-type": node.instanceType,
  };
  return startDaemon(`${node.name}-kubelet`, [
    ...enterNode(holder),
    await binary("kubelet"),
    `--config=${configuration}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--node-labels=${Object.entries(labels)
      .map((label) => label.join("="))
      .join(",")}`,
  ]);
}

function kubeletConfiguration(
  node: NodeMachine,
  { authority, serving, maxPods }: { authority: CertificateAuthority; serving: Certificate; maxPods: number },
) {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: authority.certificate },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.certificate,
    tlsPrivateKeyFile: serving.key,
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    ...(node.providerId === undefined ? {} : { providerID: node.providerId }),
    maxPods,
    clusterDomain: "cluster.local",
    clusterDNS: [dnsServiceAddress],
    resolvConf,
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    // Nodes share the machine: each has control groups of its own, and none the right to all of its memory. Without
    // groups for pods the root would be ignored.
    cgroupDriver: "cgroupfs",
    cgroupRoot: nodeCgroup(node.name),
    cgroupsPerQOS: true,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    // The machine's disk and memory are not the node's: their shortage must not evict pods.
    evictionHard: {
      "memory.available": "0%",
      "nodefs.available": "0%",
      "nodefs.inodesFree": "0%",
      "imagefs.available": "0%",
    },
    imageGCHighThresholdPercent: 100,
  };
}
