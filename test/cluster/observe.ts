import { ENI_IP_UNAVAILABLE_CONDITION, ENI_IP_UNAVAILABLE_TAINT } from "../../src/api/eni-ip-unavailable.ts";
import { ENI_IP_RESOURCE } from "../../src/api/extended-resources.ts";
import type { NodeENIConfig } from "../../src/api/node-eni-config.ts";
import type { VpcENI } from "../../src/api/vpc-eni.ts";
import type { VpcIP } from "../../src/api/vpc-ip.ts";
import type { Node } from "../../src/kube/core-resources.ts";
import type { Cluster } from "./cluster.ts";

/** What a person sees of a node's addresses. */
export interface NodeObservation {
  readonly allocatable: number;
  readonly tainted: boolean;
  /** Of the condition ENIIPUnavailable; undefined where there is none. */
  readonly unavailable:
    | { readonly status: string; readonly reason: string; readonly message: string }
    | undefined;
}

/** Reads objects by kubectl as JSON. */
export async function getJson<T>(cluster: Cluster, ...args: string[]): Promise<T> {
  return JSON.parse(await cluster.kubectl(["get", ...args, "-o", "json"]));
}

export async function addressesOf(cluster: Cluster, node: string): Promise<VpcIP[]> {
  return (await getJson<{ items: VpcIP[] }>(cluster, "vip", `--field-selector=spec.node=${node}`)).items;
}

export async function enisOf(cluster: Cluster, node: string): Promise<VpcENI[]> {
  return (await getJson<{ items: VpcENI[] }>(cluster, "veni", `--field-selector=spec.node=${node}`)).items;
}

export async function configOf(cluster: Cluster, node: string): Promise<NodeENIConfig> {
  return getJson(cluster, "nec", node);
}

/** Reason and message of the condition Ready of a NodeENIConfig. */
export async function readinessOf(
  cluster: Cluster,
  node: string,
): Promise<{ status: string; reason: string; message: string } | undefined> {
  return (await configOf(cluster, node)).status?.conditions?.find(({ type }) => type === "Ready");
}

export async function observeNode(cluster: Cluster, name: string): Promise<NodeObservation> {
  const { spec, status } = await getJson<Node>(cluster, "node", name);
  const condition = status?.conditions?.find(({ type }) => type === ENI_IP_UNAVAILABLE_CONDITION);
  return {
    allocatable: Number(status?.allocatable?.[ENI_IP_RESOURCE] ?? 0),
    tainted: (spec.taints ?? []).some(({ key }) => key === ENI_IP_UNAVAILABLE_TAINT.key),
    unavailable: condition && {
      status: condition.status,
      reason: condition.reason ?? "",
      message: condition.message ?? "",
    },
  };
}

/** Events about an object, `REASON: MESSAGE` each. */
export async function eventsAbout(cluster: Cluster, kind: string, name: string): Promise<string[]> {
  const selector = `--field-selector=involvedObject.kind=${kind},involvedObject.name=${name}`;
  const { items } = await getJson<{ items: { reason: string; message: string }[] }>(
    cluster,
    "events",
    "-A",
    selector,
  );
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}
