import { customResourceDefinition } from "../../src/api/custom-resource-definition.ts";
import { CUSTOM_RESOURCES } from "../../src/api/custom-resources.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { NODE_ENI_CONFIG, type NodeENIConfig } from "../../src/api/node-eni-config.ts";
import { VPC_IP, type VpcIP } from "../../src/api/vpc-ip.ts";
import { CLAIM_FINALIZER, VPC_IP_CLAIM, type VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { VPC_SUBNET, type VpcSubnet } from "../../src/api/vpc-subnet.ts";
import { customResourceDefinitions, pods } from "../../src/kube/core-resources.ts";
import type { Draft, KubeObject } from "../../src/kube/kube-object.ts";
import { apiVersionOf, collectionPath, objectPath, type Resource } from "../../src/kube/resource.ts";
import type { KubeRequest } from "../../src/kube/transport.ts";
import { ModelApiServer } from "../../src/sim/kube/model-api-server.ts";
import { systemWaitingClock } from "../../src/time/waiting-clock.ts";
import { Dice } from "../simulation/dice.ts";
import { deployedPod } from "./deployed-pod.ts";

export const NAMESPACE = "default";

const necs: Resource<NodeENIConfig> = NODE_ENI_CONFIG;
const vips: Resource<VpcIP> = VPC_IP;
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;
const vsubs: Resource<VpcSubnet> = VPC_SUBNET;

const ZONES = ["ap-guangzhou-3", "ap-guangzhou-4", "ap-guangzhou-6"];
/** Of each zone, a /18 each: 16 381 addresses. */
const SUBNETS_PER_ZONE = 2;
const SUBNET_TOTAL = 16_381;
/** Of 12 cores: seven ENIs beside the primary one, 29 addresses each. */
const LIMIT = { enis: 7, addressesPerENI: 29, addresses: 203 };

/** Of all addresses, those whose claim's pod is gone: it comes back, and wants this one. */
const KEPT = 0.1;
/** Of all addresses, those that are any pod's. */
const UNCLAIMED = 0.1;
/** Of the nodes, those that have no room for one more address. */
const FULL = 0.05;

export interface ClusterSize {
  readonly nodes: number;
  /** VpcIPs; nine of ten with a claim. */
  readonly addresses: number;
}

/** A pod that waits to be scheduled. */
export interface WaitingPod {
  readonly name: string;
  readonly uid: string;
  /** As the scheduler sends it. */
  readonly object: object;
}

/**
 * A cluster whose pods have fixed addresses, on a model API server: nodes in three zones with one or two ENIs, some of them full, two subnets a zone, addresses with claims,
 * among them such whose pod is gone and may come back, and claims that wait for their address.
 */
export class FixedAddressCluster {
  readonly model = new ModelApiServer(systemWaitingClock);
  readonly nodes: readonly string[];
  readonly #dice = new Dice(1);
  readonly #kept: string[] = [];
  readonly #addresses: string[] = [];
  #made = 0;
  #pods = 0;
  #changes = 0;

  constructor({ nodes, addresses }: ClusterSize) {
    for (const resource of CUSTOM_RESOURCES)
      this.#create(customResourceDefinitions, customResourceDefinition(resource));
    for (let i = 0; i < ZONES.length * SUBNETS_PER_ZONE; i++) this.#makeSubnet(i);
    this.nodes = Array.from(
      { length: nodes },
      (_, i) => `node-${String(i).padStart(5, "0")}.pool-a.internal`,
    );
    for (const [i, name] of this.nodes.entries())
      this.#makeNode(i, { name, addresses: Math.floor(addresses / nodes) });
    for (let i = 0; i < addresses; i++) this.#makeAddress();
    for (let i = 0; i < ZONES.length * SUBNETS_PER_ZONE; i++) this.#readSubnet(i);
    if (addresses === 0) return;
    // Just bound, and not served by ipamd yet.
    for (let i = 0; i < 200; i++) {
      const node = this.#dice.whole(0, nodes - 1);
      this.#create(claims, {
        metadata: { name: `coming-${i}`, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
        spec: { policy: "Immediate", subnetID: subnetOf(node), node: this.nodes[node] },
      });
    }
  }

  /** A pod that is new, or one whose address has been kept: one of three. */
  waitingPod(): WaitingPod {
    const returns = this.#pods++ % 3 === 0 ? this.#kept.pop() : undefined;
    const name = returns ?? `web-7d4b9c6f58-${String(this.#pods).padStart(5, "0")}`;
    const annotations = { "tke.cloud.tencent.com/vpc-ip-claim-delete-policy": "Never" };
    const made = this.#create(pods, {
      ...deployedPod({ name, namespace: NAMESPACE, uid: "", ...(returns !== undefined && { annotations }) }),
    } as never);
    const uid = made.metadata.uid ?? "";
    const object = deployedPod({
      name,
      namespace: NAMESPACE,
      uid,
      ...(returns !== undefined && { annotations }),
    });
    return { name, uid, object };
  }

  /** What happens to addresses all the time: three of five times what an agent says of one, else one that comes or goes; now and then a subnet is read. */
  changeAnAddress(): void {
    const kind = this.#changes++ % 5;
    if (this.#changes % 50 === 0) this.#readSubnet((this.#changes / 50) % (ZONES.length * SUBNETS_PER_ZONE));
    else if (kind === 3) this.#makeAddress();
    else if (kind === 4) this.#dropAddress();
    else this.#useAddress();
  }

  #dropAddress(): void {
    const name = this.#addresses.pop() ?? "";
    this.#ask({ method: "DELETE", path: objectPath(vips, name) });
  }

  #useAddress(): void {
    const name = this.#dice.pick(this.#addresses);
    const since = new Date().toISOString();
    this.#ask({
      method: "PATCH",
      path: objectPath(vips, name, { subresource: "status" }),
      query: { fieldManager: "tke-eni-agent" },
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ status: { use: { state: "InUse", since } } }),
    });
  }

  #makeSubnet(i: number): void {
    const name = subnetId(i);
    this.#create(vsubs, {
      metadata: { name },
      spec: { vpcID: "vpc-1", zone: ZONES[i % ZONES.length] ?? "", cidr: `10.${64 + i}.0.0/18` },
    });
  }

  /** What is left of a subnet, as the cloud says now: all that has been made so far is in it. */
  #readSubnet(i: number): void {
    const taken = Math.ceil(this.#addresses.length / (ZONES.length * SUBNETS_PER_ZONE));
    // The last one has nothing left.
    const free = i === ZONES.length * SUBNETS_PER_ZONE - 1 ? 0 : Math.max(3_000, SUBNET_TOTAL - taken);
    // Times of creation are told to the second, and taken for as late as they may be.
    const readAt = new Date(Date.now() + 1_000).toISOString();
    this.#status(VPC_SUBNET, subnetId(i), { state: "Active", free, total: SUBNET_TOTAL, readAt });
  }

  #makeNode(i: number, { name, addresses }: { name: string; addresses: number }): void {
    this.#create(necs, { metadata: { name }, spec: {} });
    const isFull = this.#dice.chance(FULL);
    const counts = isFull
      ? Array.from({ length: LIMIT.enis }, () => LIMIT.addressesPerENI)
      : shared(addresses, Math.max(1, Math.ceil(addresses / LIMIT.addressesPerENI)));
    const status: NodeENIConfig["status"] = {
      instanceID: `ins-${String(i).padStart(8, "0")}`,
      instanceType: "S5.3XLARGE24",
      zone: ZONES[i % ZONES.length] ?? "",
      limit: LIMIT,
      eniInfos: counts.map((count, at) => ({
        eniID: `eni-${String(i * 8 + at).padStart(8, "0")}`,
        mac: "20:90:6f:00:00:01",
        subnetID: subnetOf(i),
        subnetCIDR: "10.64.0.0/18",
        primaryIP: "10.64.0.2",
        addresses: count,
      })),
    };
    this.#status(NODE_ENI_CONFIG, name, status);
  }

  #makeAddress(): void {
    const i = this.#made++;
    const node = i % this.nodes.length;
    const address = `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    const roll = this.#dice.next();
    const pod = roll < KEPT ? `kept-${i}` : roll < 1 - UNCLAIMED ? `app-${i}` : undefined;
    const subnetID = subnetOf(node);
    this.#create(vips, {
      metadata: { name: address },
      spec: {
        type: "Pod",
        subnetID,
        eniID: `eni-${String(node * 8).padStart(8, "0")}`,
        node: this.nodes[node] ?? "",
        instanceID: `ins-${String(node).padStart(8, "0")}`,
        ...(pod !== undefined && { claim: `${NAMESPACE}/${pod}` }),
      },
    });
    this.#addresses.push(address);
    if (pod === undefined) return;
    const policy = roll < 0.5 ? "Never" : "Immediate";
    this.#create(claims, {
      metadata: { name: pod, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
      spec: { policy, subnetID, address, node: this.nodes[node], podUID: `uid-${i}` },
    });
    if (roll < KEPT) this.#kept.push(pod);
  }

  #create<T extends KubeObject>(resource: Resource<T>, object: Draft<NoInfer<T>>): T {
    const { metadata } = object;
    return this.#ask({
      method: "POST",
      path: collectionPath(resource, metadata.namespace),
      query: { fieldManager: IPAMD_MANAGER },
      body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }),
    }) as T;
  }

  #status(resource: Resource<KubeObject>, name: string, status: object | undefined): void {
    this.#ask({
      method: "PATCH",
      path: objectPath(resource, name, { subresource: "status" }),
      query: { fieldManager: IPAMD_MANAGER },
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ status }),
    });
  }

  #ask(request: KubeRequest): KubeObject {
    const { status, body } = this.model.answer(request);
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${body}`);
    return JSON.parse(body);
  }
}

function subnetId(i: number): string {
  return `subnet-${String(i).padStart(8, "0")}`;
}

/** A node's ENIs are of one of the two subnets of its zone. */
function subnetOf(node: number): string {
  const subnets = ZONES.length * SUBNETS_PER_ZONE;
  return subnetId(
    (node % ZONES.length) + ZONES.length * (Math.floor(node / ZONES.length) % (subnets / ZONES.length)),
  );
}

/** So many things in so many lots, as even as they get. */
function shared(things: number, lots: number): number[] {
  return Array.from({ length: lots }, (_, i) => Math.floor((things + i) / lots));
}
