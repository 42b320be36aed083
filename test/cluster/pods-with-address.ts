import type { Cluster } from "./cluster.ts";

/** A running pod, and where its address comes from. */
export interface PodWithAddress {
  name: string;
  node: string;
  nodeAddress: string;
  address: string;
  eni: string;
  subnet: string;
}

/** The pods with a label, with the VpcIP of each, sorted by node and name. */
export async function podsWithAddress(cluster: Cluster, label: string): Promise<PodWithAddress[]> {
  const pods = JSON.parse(await cluster.kubectl(["get", "pods", "-l", label, "-o", "json"])).items as {
    metadata: { name: string };
    spec: { nodeName?: string };
    status: { podIP?: string; hostIP?: string };
  }[];
  const vips = JSON.parse(await cluster.kubectl(["get", "vpcips", "-o", "json"])).items as {
    metadata: { name: string };
    spec: { eniID: string; subnetID: string };
  }[];
  const byAddress = new Map(vips.map((vip) => [vip.metadata.name, vip.spec]));
  return pods
    .map((pod) => {
      const address = pod.status.podIP ?? "";
      const vip = byAddress.get(address);
      return {
        name: pod.metadata.name,
        node: pod.spec.nodeName ?? "",
        nodeAddress: pod.status.hostIP ?? "",
        address,
        eni: vip?.eniID ?? "",
        subnet: vip?.subnetID ?? "",
      };
    })
    .sort((a, b) => (a.node + a.name < b.node + b.name ? -1 : 1));
}
