import type * as cvm from "tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_models.js";
import type * as vpc from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
import { type Block, formatIpv4 } from "../vpc/ipv4.ts";
import type { CloudState, Eni, Instance, PrivateAddress, Subnet, Time, Vpc } from "../vpc/state.ts";
import { availableAddresses, totalAddresses } from "../vpc/subnet-addresses.ts";

/** The account that everything belongs to. */
export const accountId = "100000000001";

/** A VPC as DescribeVpcs shows it. */
export function renderVpc(it: Vpc): vpc.Vpc {
  return {
    VpcId: it.vpcId,
    VpcName: it.name,
    CidrBlock: renderBlock(it.block),
    Ipv6CidrBlock: "",
    IsDefault: false,
    EnableMulticast: false,
    EnableDhcp: true,
    CreatedTime: renderTime(it.createdAt),
    DnsServerSet: ["183.60.83.19", "183.60.82.98"],
    DomainName: "",
    DhcpOptionsId: "",
    TagSet: [],
    AssistantCidrSet: [],
  };
}

/** A subnet as DescribeSubnets shows it. */
export function renderSubnet(it: Subnet): vpc.Subnet {
  return {
    VpcId: it.vpcId,
    SubnetId: it.subnetId,
    SubnetName: it.name,
    CidrBlock: renderBlock(it.block),
    Ipv6CidrBlock: "",
    IsDefault: false,
    EnableBroadcast: false,
    Zone: it.zone,
    RouteTableId: "",
    NetworkAclId: "",
    CreatedTime: renderTime(it.createdAt),
    AvailableIpAddressCount: availableAddresses(it),
    TotalIpAddressCount: totalAddresses(it),
    IsRemoteVpcSnat: false,
    IsCdcSubnet: 0,
    CdcId: "",
    TagSet: [],
  };
}

/** A network interface as DescribeNetworkInterfaces shows it. The SDK's types leave out that an attachment can be null. */
export function renderEni(it: Eni): Omit<vpc.NetworkInterface, "Attachment"> & {
  Attachment: vpc.NetworkInterfaceAttachment | null;
} {
  return {
    NetworkInterfaceId: it.eniId,
    NetworkInterfaceName: it.name,
    NetworkInterfaceDescription: it.description,
    VpcId: it.vpcId,
    SubnetId: it.subnetId,
    Zone: it.zone,
    MacAddress: it.mac,
    Primary: it.primary,
    EniType: it.primary ? 1 : 0,
    AttachType: 0,
    State: it.state,
    NetworkInterfaceState: it.state === "AVAILABLE" && it.attachment !== undefined ? "INUSE" : it.state,
    GroupSet: [...it.groups],
    TagSet: it.tags.map((tag) => ({ Key: tag.key, Value: tag.value })),
    PrivateIpAddressSet: it.addresses.map(renderAddress),
    Ipv6AddressSet: [],
    Attachment:
      it.attachment === undefined
        ? null
        : {
            InstanceId: it.attachment.instanceId,
            DeviceIndex: it.attachment.deviceIndex,
            InstanceAccountId: accountId,
            AttachTime: renderTime(it.attachment.attachedAt),
          },
    Business: it.attachment === undefined ? "" : "cvm",
    CdcId: "",
    QosLevel: "DEFAULT",
    CreatedTime: renderTime(it.createdAt),
  };
}

/** An address of a network interface. */
export function renderAddress(it: PrivateAddress): vpc.PrivateIpAddressSpecification {
  return {
    PrivateIpAddress: it.address,
    Primary: it.primary,
    PublicIpAddress: "",
    AddressId: "",
    Description: it.description,
    IsWanIpBlocked: false,
    State: it.state,
    QosLevel: "DEFAULT",
  };
}

/** A machine as DescribeInstances shows it: what of it concerns the network. */
export function renderInstance(it: Instance, state: CloudState): cvm.Instance {
  const primary = state.enis.get(it.primaryEniId);
  const addresses = primary?.addresses.map((address) => address.address) ?? [];
  return {
    InstanceId: it.instanceId,
    InstanceName: it.name,
    InstanceType: it.instanceType,
    InstanceState: it.state,
    RestrictState: "NORMAL",
    CPU: it.type.cpu,
    Memory: it.type.memory,
    Placement: { Zone: it.zone, ProjectId: 0 },
    PrivateIpAddresses: addresses,
    VirtualPrivateCloud: { VpcId: it.vpcId, SubnetId: it.subnetId, AsVpcGateway: false },
    SecurityGroupIds: [...(primary?.groups ?? [])],
    InstanceChargeType: "POSTPAID_BY_HOUR",
    StopChargingMode: it.state === "STOPPED" ? "KEEP_CHARGING" : "NOT_APPLICABLE",
    Tags: [],
    CreatedTime: new Date(it.createdAt).toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

function renderBlock(block: Block): string {
  return `${formatIpv4(block.base)}/${block.prefixLength}`;
}

// The VPC API writes times without a zone: `2020-10-28 08:23:59`.
function renderTime(time: Time): string {
  return new Date(time).toISOString().slice(0, 19).replace("T", " ");
}
