import { binary } from "../../tools/build/binary.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { buildImage } from "../../tools/images/build-image.ts";
import type { Cluster } from "./cluster.ts";
import { importImage } from "./images/import-image.ts";

const IMAGE = "tke-eni.local/kube-network-policies:1";
const NAME = "kube-network-policies";
const QUEUE = "98";
const ROLLOUT_S = 120;

/**
 * Brings SIG Network's kube-network-policies onto a cluster as its own manifest does: a DaemonSet that judges each connection's first
 * packet, which nftables gives it by a queue. Returns when it runs on every node.
 */
export async function deployNetworkPolicyEngine(cluster: Cluster): Promise<void> {
  const tar = await buildImage({
    name: IMAGE,
    files: [{ path: "/bin/netpol", from: await binary(NAME, silentProgress), mode: 0o755 }],
    entrypoint: ["/bin/netpol"],
  });
  for (const { name } of cluster.nodes) await importImage(cluster, name, tar);
  const input = manifest()
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
  await cluster.kubectl(["apply", "-f", "-"], { input });
  const rollout = ["rollout", "status", `daemonset/${NAME}`, `--timeout=${ROLLOUT_S}s`];
  await cluster.kubectl(["-n", "kube-system", ...rollout]);
}

/**
 * Whether the kernel takes nftables' statement `queue` (CONFIG_NFT_QUEUE), by which the engine's rules bring it packets: without it the
 * kernel refuses its table as a whole.
 */
export async function kernelHasNftQueue(cluster: Cluster, node: string): Promise<boolean> {
  const probe = `table inet queue_probe {\n chain c {\n queue num ${QUEUE}\n }\n}\n`;
  const refused = await cluster.tryNodeExec(node, ["nft", "-f", "-"], { input: probe });
  if (refused.exitCode !== 0) return false;
  await cluster.nodeExec(node, ["nft", "delete", "table", "inet", "queue_probe"]);
  return true;
}

/** Where the kernel lacks `queue`: the engine's rules by iptables' target NFQUEUE, at a place that is before SNAT like theirs. */
export async function queueByIptables(cluster: Cluster): Promise<void> {
  for (const { name } of cluster.nodes) {
    for (const rule of [
      "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
      "-m owner --uid-owner 0 -j ACCEPT",
      `-j NFQUEUE --queue-num ${QUEUE}`,
    ]) {
      await cluster.nodeExec(name, ["iptables", "-t", "mangle", "-A", "POSTROUTING", ...rule.split(" ")]);
    }
  }
}

/** As the engine's install.yaml has it, but for the image. */
function manifest(): object[] {
  const metadata = { name: NAME, namespace: "kube-system" };
  const account = { kind: "ServiceAccount", name: NAME, namespace: "kube-system" };
  const verbs = ["list", "watch"];
  const labels = { app: NAME };
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: NAME },
      rules: [
        { apiGroups: [""], resources: ["pods", "namespaces"], verbs },
        { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: NAME },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: NAME },
      subjects: [account],
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata,
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            serviceAccountName: NAME,
            tolerations: [{ operator: "Exists", effect: "NoSchedule" }],
            containers: [
              {
                name: NAME,
                image: IMAGE,
                imagePullPolicy: "Never",
                args: ["--hostname-override=$(MY_NODE_NAME)", "--v=2", `--nfqueue-id=${QUEUE}`],
                env: [{ name: "MY_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
                securityContext: { privileged: true },
                volumeMounts: [
                  { name: "nri-plugin", mountPath: "/var/run/nri" },
                  { name: "netns", mountPath: "/var/run/netns", mountPropagation: "HostToContainer" },
                ],
              },
            ],
            volumes: [
              { name: "nri-plugin", hostPath: { path: "/var/run/nri", type: "DirectoryOrCreate" } },
              { name: "netns", hostPath: { path: "/var/run/netns" } },
            ],
          },
        },
      },
    },
  ];
}
