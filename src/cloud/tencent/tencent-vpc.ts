import { Client as CvmClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client.js";
import { Client as TagClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813/tag_client.js";
import { Client as VpcClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_client.js";
import type { VpcLimit } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
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
import { credentialFailure, sdkFailure } from "./failure.ts";
import { eniFromWire, instanceFromWire, subnetFromWire } from "./from-wire.ts";
import { creationToWire } from "./to-wire.ts";

/** Largest page of DescribeNetworkInterfaces, and most ids that any Describe call takes. */
const PAGE = 100;

/** Name of the limit on the ENIs of a VPC, as DescribeVpcLimits has it. */
const VPC_ENI_LIMIT = "vpc-max-enis";

export interface TencentCredential {
  secretId: string;
  secretKey: string;
  /** Of temporary credentials. */
  token?: string;
}

export interface TencentVpcOptions {
  region: string;
  /** Asked before each call, so that rotated credentials need no restart. */
  credential: () => Promise<TencentCredential>;
  /** "https" everywhere but against a simulator. */
  protocol: "https" | "http";
  /**
   * Domain under which each product has a host of its own, such as "tencentcloudapi.com" or "internal.tencentcloudapi.com"; an
   * address ("169.254.0.55", "127.0.0.1:8080") is a simulator that has them all.
   */
  domain: string;
  /** Milliseconds that one call may take. */
  timeoutMs: number;
}

/**
 * The Tencent Cloud VPC and CVM APIs (2017-03-12), and the tag API (2018-08-13), through the official SDK.
 *
 * ENIs and subnets are asked for by filter: one id that is gone among those given as `NetworkInterfaceIds` or `SubnetIds` fails
 * the whole request with ResourceNotFound, and a filter just does not match it.
 */
export class TencentVpc implements CloudVpc {
  readonly #vpc: VpcClient;
  readonly #cvm: CvmClient;
  readonly #tag: TagClient;
  readonly #options: TencentVpcOptions;

  constructor(options: TencentVpcOptions) {
    const config = (product: string) => ({
      credential: { getCredential: options.credential },
      region: options.region,
      profile: {
        httpProfile: {
          protocol: `${options.protocol}://`,
          endpoint: /^[0-9.]+(:\d+)?$/.test(options.domain) ? options.domain : `${product}.${options.domain}`,
          reqTimeout: Math.ceil(options.timeoutMs / 1000),
        },
      },
    });
    this.#vpc = new VpcClient(config("vpc"));
    this.#cvm = new CvmClient(config("cvm"));
    this.#tag = new TagClient(config("tag"));
    this.#options = options;
  }

  async instancesById(ids: readonly string[]): Promise<Instance[]> {
    const found: Instance[] = [];
    for (let i = 0; i < ids.length; i += PAGE) {
      const page = ids.slice(i, i + PAGE);
      const answer = await this.#call("DescribeInstances", (signal) =>
        this.#cvm.request("DescribeInstances", { InstanceIds: page, Limit: PAGE }, { signal }),
      );
      found.push(...(answer.InstanceSet ?? []).map(instanceFromWire));
    }
    return found;
  }

  async instanceByAddress(vpcId: string, address: string): Promise<Instance | undefined> {
    const filters = [
      { Name: "vpc-id", Values: [vpcId] },
      { Name: "private-ip-address", Values: [address] },
    ];
    const answer = await this.#call("DescribeInstances", (signal) =>
      this.#cvm.request("DescribeInstances", { Filters: filters, Limit: PAGE }, { signal }),
    );
    const found: Instance[] = (answer.InstanceSet ?? []).map(instanceFromWire);
    return found.find((instance) => instance.privateAddresses.includes(address));
  }

  async subnets(ids: readonly string[]): Promise<Subnet[]> {
    const answer = await this.#call("DescribeSubnets", (signal) =>
      this.#vpc.request(
        "DescribeSubnets",
        { Filters: [{ Name: "subnet-id", Values: ids }], Limit: String(PAGE) },
        { signal },
      ),
    );
    return (answer.SubnetSet ?? []).map(subnetFromWire);
  }

  async interfaceLimit(instanceId: string): Promise<InterfaceLimit> {
    const answer = await this.#call("DescribeNetworkInterfaceLimit", (signal) =>
      this.#vpc.request("DescribeNetworkInterfaceLimit", { InstanceId: instanceId }, { signal }),
    );
    return { enis: answer.EniQuantity ?? 0, addressesPerEni: answer.EniPrivateIpAddressQuantity ?? 0 };
  }

  async interfacesById(ids: readonly string[]): Promise<Eni[]> {
    const answer = await this.#call("DescribeNetworkInterfaces", (signal) =>
      this.#vpc.request(
        "DescribeNetworkInterfaces",
        { Filters: [{ Name: "network-interface-id", Values: ids }], Limit: PAGE },
        { signal },
      ),
    );
    return (answer.NetworkInterfaceSet ?? []).map(eniFromWire);
  }

  async interfacesByTag(tag: Tag, paced: Paced = (call) => call()): Promise<Eni[]> {
    const found: Eni[] = [];
    for (;;) {
      const answer = await paced(() =>
        this.#call("DescribeNetworkInterfaces", (signal) =>
          this.#vpc.request(
            "DescribeNetworkInterfaces",
            { Filters: [{ Name: `tag:${tag.key}`, Values: [tag.value] }], Offset: found.length, Limit: PAGE },
            { signal },
          ),
        ),
      );
      const page = (answer.NetworkInterfaceSet ?? []).map(eniFromWire);
      found.push(...page);
      if (page.length < PAGE || found.length >= (answer.TotalCount ?? 0)) return found;
    }
  }

  async vpcEniLimit(): Promise<number | undefined> {
    const answer = await this.#call("DescribeVpcLimits", (signal) =>
      this.#vpc.request("DescribeVpcLimits", { LimitTypes: [VPC_ENI_LIMIT] }, { signal }),
    );
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

  async #make(action: string, parameters: object): Promise<Eni> {
    const answer = await this.#call(action, (signal) => this.#vpc.request(action, parameters, { signal }));
    if (!answer.NetworkInterface?.NetworkInterfaceId) {
      throw new CloudError({
        class: "unknown",
        action,
        code: "",
        message: "the answer names no ENI",
        requestId: answer.RequestId ?? "",
      });
    }
    return eniFromWire(answer.NetworkInterface);
  }

  async attach(eniId: string, instanceId: string): Promise<void> {
    await this.#call("AttachNetworkInterface", (signal) =>
      this.#vpc.request(
        "AttachNetworkInterface",
        { NetworkInterfaceId: eniId, InstanceId: instanceId },
        { signal },
      ),
    );
  }

  async detach(eniId: string, instanceId: string): Promise<void> {
    await this.#call("DetachNetworkInterface", (signal) =>
      this.#vpc.request(
        "DetachNetworkInterface",
        { NetworkInterfaceId: eniId, InstanceId: instanceId },
        { signal },
      ),
    );
  }

  async remove(eniId: string): Promise<void> {
    await this.#call("DeleteNetworkInterface", (signal) =>
      this.#vpc.request("DeleteNetworkInterface", { NetworkInterfaceId: eniId }, { signal }),
    );
  }

  async assign(eniId: string, count: number): Promise<void> {
    await this.#call("AssignPrivateIpAddresses", (signal) =>
      this.#vpc.request(
        "AssignPrivateIpAddresses",
        { NetworkInterfaceId: eniId, SecondaryPrivateIpAddressCount: count },
        { signal },
      ),
    );
  }

  async unassign(eniId: string, addresses: readonly string[]): Promise<void> {
    await this.#call("UnassignPrivateIpAddresses", (signal) =>
      this.#vpc.request(
        "UnassignPrivateIpAddresses",
        {
          NetworkInterfaceId: eniId,
          PrivateIpAddresses: addresses.map((address) => ({ PrivateIpAddress: address })),
        },
        { signal },
      ),
    );
  }

  async retag(eniId: string, tags: readonly Tag[]): Promise<void> {
    // The account in the third segment may stay empty: it is the caller's own.
    const Resource = `qcs::vpc:${this.#options.region}:uin/:eni/${eniId}`;
    const ReplaceTags = tags.map(({ key, value }) => ({ TagKey: key, TagValue: value }));
    await this.#call("ModifyResourceTags", (signal) =>
      this.#tag.request("ModifyResourceTags", { Resource, ReplaceTags }, { signal }),
    );
  }

  /**
   * One call with a deadline, its failure typed. The SDK's own methods take no signal; `request`, which they call, does.
   * Its answer is untyped for that reason. The credential is read once more before, because the SDK would report one that
   * cannot be read as it reports a connection that broke.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's `request` answers `any`; from-wire.ts names the fields.
  async #call(action: string, run: (signal: AbortSignal) => Promise<any>): Promise<any> {
    try {
      await this.#options.credential();
    } catch (cause) {
      throw credentialFailure(action, cause);
    }
    try {
      return await run(AbortSignal.timeout(this.#options.timeoutMs));
    } catch (cause) {
      throw sdkFailure(action, cause);
    }
  }
}
