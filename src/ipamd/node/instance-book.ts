import { instanceOfProviderId } from "../../api/provider-id.ts";
import type { CloudVpc, Instance, InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";

/** Who a Node is in the cloud, or one sentence why that is not known. */
export type Identity = { instance: Instance; problem?: never } | { instance?: never; problem: string };

/**
 * Finds the instance behind each Node and its quota, and remembers both: an instance is asked for once a Node object, a quota
 * once an instance type, since DescribeNetworkInterfaceLimit allows only 20 calls a second in the whole region.
 */
export class InstanceBook {
  readonly #cloud: CloudVpc;
  readonly #vpcId: string;
  /** By Node: its instance, or none where the cloud was asked and knows of none. */
  readonly #byNode = new Map<string, { uid: string; instance: Instance | undefined }>();
  readonly #limits = new Map<string, InterfaceLimit>();

  constructor(cloud: CloudVpc, vpcId: string) {
    this.#cloud = cloud;
    this.#vpcId = vpcId;
  }

  /** By providerID where the Node has one, else by its private address. */
  async identify(node: Node): Promise<Identity> {
    const { name, uid } = node.metadata;
    const known = this.#byNode.get(name);
    if (known?.uid === uid && known.instance !== undefined) return { instance: known.instance };
    const found = await this.#find(node);
    this.#byNode.set(name, { uid, instance: found.instance });
    return found;
  }

  /** Whether a Node is one of these instances, as far as is known: until the cloud has been asked, any Node may be. */
  mayBe(node: Node, instanceIds: ReadonlySet<string>): boolean {
    const named = instanceOfProviderId(node.spec.providerID);
    if (named !== undefined) return instanceIds.has(named);
    const known = this.#byNode.get(node.metadata.name);
    if (known?.uid !== node.metadata.uid) return true;
    return known.instance !== undefined && instanceIds.has(known.instance.id);
  }

  forget(nodeName: string): void {
    this.#byNode.delete(nodeName);
  }

  async limit(instance: Instance): Promise<InterfaceLimit> {
    const known = this.#limits.get(instance.type);
    if (known !== undefined) return known;
    const limit = await this.#cloud.interfaceLimit(instance.id);
    this.#limits.set(instance.type, limit);
    return limit;
  }

  async #find(node: Node): Promise<Identity> {
    const id = instanceOfProviderId(node.spec.providerID);
    if (id !== undefined) {
      const [instance] = await this.#cloud.instancesById([id]);
      if (instance === undefined) {
        return {
          problem: `the cloud knows no instance ${id}, which the node's providerID ${node.spec.providerID} names: check the region and the providerID`,
        };
      }
      return this.#inVpc(instance);
    }
    const addresses = (node.status?.addresses ?? [])
      .filter((a) => a.type === "InternalIP")
      .map((a) => a.address);
    for (const address of addresses) {
      const instance = await this.#cloud.instanceByAddress(this.#vpcId, address);
      if (instance !== undefined) return this.#inVpc(instance);
    }
    return {
      problem: `no instance of ${this.#vpcId} has a private address of the node (${addresses.join(", ") || "it has none"}), and it has no providerID: check the VPC id, or set --provider-id=qcloud:///ZONE/INSTANCE on its kubelet`,
    };
  }

  #inVpc(instance: Instance): Identity {
    if (instance.vpcId === this.#vpcId) return { instance };
    return {
      problem: `instance ${instance.id} is in ${instance.vpcId}, and this cluster's pods in ${this.#vpcId}: an ENI cannot cross VPCs`,
    };
  }
}
