import type { VpcLimit } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
import type { CloudAction } from "../budget/rates.ts";
import { CloudError } from "../cloud-error.ts";
import type {
  CloudVpc,
  CreateAttachedEni,
  CreateEni,
  Eni,
  Instance,
  InterfaceLimit,
  Paced,
  Subnet,
  Tag,
} from "../cloud-vpc.ts";
import { eniFromWire, instanceFromWire, subnetFromWire } from "./from-wire.ts";
import { creationToWire } from "./to-wire.ts";

/** Largest page of DescribeNetworkInterfaces, and most ids that any Describe call takes. */
const PAGE = 100;

/** Name of the limit on the ENIs of a VPC, as DescribeVpcLimits has it. */
const VPC_ENI_LIMIT = "vpc-max-enis";

/** The APIs in use, by the first label of their hosts. */
export type TencentProduct = "vpc" | "cvm" | "tag";

/**
 * Makes one call: sends the parameters and answers the fields of the response. It has a deadline of its own.
 *
 * @throws CloudError
 */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's own `request` answers `any`; from-wire.ts names the fields.
export type Send = (product: TencentProduct, action: CloudAction, parameters: object) => Promise<any>;

/**
 * The Tencent Cloud VPC and CVM APIs (2017-03-12), and the tag API (2018-08-13), whatever carries the calls.
 *
 * ENIs and subnets are asked for by filter: one id that is gone among those given as `NetworkInterfaceIds` or `SubnetIds` fails
 * the whole request with ResourceNotFound, and a filter just does not match it.
 */
export class WireVpc implements CloudVpc {
  readonly #send: Send;
  readonly #region: string;

  constructor({ send, region }: { send: Send; region: string }) {
    this.#send = send;
    this.#region = region;
  }

  async instancesById(ids: readonly string[]): Promise<Instance[]> {
    const found: Instance[] = [];
    for (let i = 0; i < ids.length; i += PAGE) {
      const page = ids.slice(i, i + PAGE);
      const answer = await this.#send("cvm", "DescribeInstances", { InstanceIds: page, Limit: PAGE });
      found.push(...(answer.InstanceSet ?? []).map(instanceFromWire));
    }
    return found;
  }

  async instanceByAddress(vpcId: string, address: string): Promise<Instance | undefined> {
    const filters = [
      { Name: "vpc-id", Values: [vpcId] },
      { Name: "private-ip-address", Values: [address] },
    ];
    const answer = await this.#send("cvm", "DescribeInstances", { Filters: filters, Limit: PAGE });
    const found: Instance[] = (answer.InstanceSet ?? []).map(instanceFromWire);
    return found.find((instance) => instance.privateAddresses.includes(address));
  }

  async subnets(ids: readonly string[]): Promise<Subnet[]> {
    const answer = await this.#send("vpc", "DescribeSubnets", {
      Filters: [{ Name: "subnet-id", Values: ids }],
      Limit: String(PAGE),
    });
    return (answer.SubnetSet ?? []).map(subnetFromWire);
  }

  async interfaceLimit(instanceId: string): Promise<InterfaceLimit> {
    const answer = await this.#send("vpc", "DescribeNetworkInterfaceLimit", { InstanceId: instanceId });
    const { EniQuantity: enis, EniPrivateIpAddressQuantity: addressesPerEni } = answer;
    if (typeof enis !== "number" || typeof addressesPerEni !== "number") {
      throw lacking("DescribeNetworkInterfaceLimit", answer, "names no quota");
    }
    return { enis, addressesPerEni };
  }

  async interfacesById(ids: readonly string[]): Promise<Eni[]> {
    const answer = await this.#send("vpc", "DescribeNetworkInterfaces", {
      Filters: [{ Name: "network-interface-id", Values: ids }],
      Limit: PAGE,
    });
    return (answer.NetworkInterfaceSet ?? []).map(eniFromWire);
  }

  async interfacesByTag(tag: Tag, paced: Paced = (call) => call()): Promise<Eni[]> {
    const found: Eni[] = [];
    for (;;) {
      const answer = await paced(() =>
        this.#send("vpc", "DescribeNetworkInterfaces", {
          Filters: [{ Name: `tag:${tag.key}`, Values: [tag.value] }],
          Offset: found.length,
          Limit: PAGE,
        }),
      );
      const page = (answer.NetworkInterfaceSet ?? []).map(eniFromWire);
      found.push(...page);
      if (page.length < PAGE || found.length >= (answer.TotalCount ?? 0)) return found;
    }
  }

  async vpcEniLimit(): Promise<number | undefined> {
    const answer = await this.#send("vpc", "DescribeVpcLimits", { LimitTypes: [VPC_ENI_LIMIT] });
    const limits: VpcLimit[] = answer.VpcLimitSet ?? [];
    return limits.find(({ LimitType }) => LimitType === VPC_ENI_LIMIT)?.LimitValue;
  }

  createAndAttach(request: CreateAttachedEni): Promise<Eni> {
    return this.#make("CreateAndAttachNetworkInterface", {
      ...creationToWire(request),
      InstanceId: request.instanceId,
    });
  }

  create(request: CreateEni): Promise<Eni> {
    return this.#make("CreateNetworkInterface", creationToWire(request));
  }

  async #make(action: CloudAction, parameters: object): Promise<Eni> {
    const answer = await this.#send("vpc", action, parameters);
    if (!answer.NetworkInterface?.NetworkInterfaceId) throw lacking(action, answer, "names no ENI");
    return eniFromWire(answer.NetworkInterface);
  }

  async attach(eniId: string, instanceId: string): Promise<void> {
    await this.#send("vpc", "AttachNetworkInterface", { NetworkInterfaceId: eniId, InstanceId: instanceId });
  }

  async detach(eniId: string, instanceId: string): Promise<void> {
    await this.#send("vpc", "DetachNetworkInterface", { NetworkInterfaceId: eniId, InstanceId: instanceId });
  }

  async remove(eniId: string): Promise<void> {
    await this.#send("vpc", "DeleteNetworkInterface", { NetworkInterfaceId: eniId });
  }

  async assign(eniId: string, count: number): Promise<string[]> {
    const answer = await this.#send("vpc", "AssignPrivateIpAddresses", {
      NetworkInterfaceId: eniId,
      SecondaryPrivateIpAddressCount: count,
    });
    const assigned: { PrivateIpAddress: string }[] = answer.PrivateIpAddressSet ?? [];
    return assigned.map((it) => it.PrivateIpAddress);
  }

  async assignAddresses(eniId: string, addresses: readonly string[]): Promise<void> {
    await this.#send("vpc", "AssignPrivateIpAddresses", {
      NetworkInterfaceId: eniId,
      PrivateIpAddresses: addresses.map((address) => ({ PrivateIpAddress: address })),
    });
  }

  async migrate(address: string, { from, to }: { from: string; to: string }): Promise<void> {
    await this.#send("vpc", "MigratePrivateIpAddress", {
      SourceNetworkInterfaceId: from,
      DestinationNetworkInterfaceId: to,
      PrivateIpAddress: address,
    });
  }

  async unassign(eniId: string, addresses: readonly string[]): Promise<void> {
    await this.#send("vpc", "UnassignPrivateIpAddresses", {
      NetworkInterfaceId: eniId,
      PrivateIpAddresses: addresses.map((address) => ({ PrivateIpAddress: address })),
    });
  }

  async retag(eniId: string, tags: readonly Tag[]): Promise<void> {
    // The account in the third segment may stay empty: it is the caller's own.
    const Resource = `qcs::vpc:${this.#region}:uin/:eni/${eniId}`;
    const ReplaceTags = tags.map(({ key, value }) => ({ TagKey: key, TagValue: value }));
    await this.#send("tag", "ModifyResourceTags", { Resource, ReplaceTags });
  }
}

/** What an answer means that lacks what was asked for. */
function lacking(action: CloudAction, answer: { RequestId?: string }, what: string): CloudError {
  const requestId = answer.RequestId ?? "";
  return new CloudError({ class: "unknown", action, code: "", message: `the answer ${what}`, requestId });
}
