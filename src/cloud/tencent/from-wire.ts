import type { Instance as WireInstance } from "tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_models.js";
import type {
  NetworkInterface,
  Subnet as WireSubnet,
} from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
import type { Eni, EniAddress, Instance, Subnet } from "../cloud-vpc.ts";

const INSTANCE_STATES: Readonly<Record<string, Instance["state"]>> = {
  RUNNING: "running",
  STOPPED: "stopped",
  SHUTDOWN: "terminated",
  TERMINATING: "terminated",
};

const ENI_STATES: Readonly<Record<string, Eni["state"]>> = {
  PENDING: "pending",
  AVAILABLE: "available",
  ATTACHING: "attaching",
  DETACHING: "detaching",
  DELETING: "deleting",
};

const ADDRESS_STATES: Readonly<Record<string, EniAddress["state"]>> = {
  PENDING: "pending",
  AVAILABLE: "available",
  MIGRATING: "migrating",
  DELETING: "deleting",
};

/** An instance as the CVM API tells it. States that pass by themselves (STARTING, REBOOTING, …) are `changing`. */
export function instanceFromWire(wire: WireInstance): Instance {
  return {
    id: wire.InstanceId ?? "",
    type: wire.InstanceType ?? "",
    zone: wire.Placement?.Zone ?? "",
    vpcId: wire.VirtualPrivateCloud?.VpcId ?? "",
    subnetId: wire.VirtualPrivateCloud?.SubnetId ?? "",
    privateAddresses: wire.PrivateIpAddresses ?? [],
    securityGroupIds: wire.SecurityGroupIds ?? [],
    state: INSTANCE_STATES[wire.InstanceState ?? ""] ?? "changing",
  };
}

/** A subnet as the VPC API tells it. */
export function subnetFromWire(wire: WireSubnet): Subnet {
  return {
    id: wire.SubnetId ?? "",
    vpcId: wire.VpcId ?? "",
    zone: wire.Zone ?? "",
    cidr: wire.CidrBlock ?? "",
    total: wire.TotalIpAddressCount ?? 0,
    free: wire.AvailableIpAddressCount ?? 0,
  };
}

/**
 * An ENI as the VPC API tells it. An attached ENI is AVAILABLE with an Attachment. A state that this code does not know is
 * taken as `pending`: nothing is done to such an ENI.
 */
export function eniFromWire(wire: NetworkInterface): Eni {
  const addresses = wire.PrivateIpAddressSet ?? [];
  return {
    id: wire.NetworkInterfaceId ?? "",
    name: wire.NetworkInterfaceName ?? "",
    mac: (wire.MacAddress ?? "").toLowerCase(),
    vpcId: wire.VpcId ?? "",
    subnetId: wire.SubnetId ?? "",
    zone: wire.Zone ?? "",
    primary: wire.Primary ?? false,
    state: ENI_STATES[wire.State ?? ""] ?? "pending",
    ...(wire.Attachment?.InstanceId && { instanceId: wire.Attachment.InstanceId }),
    primaryAddress: addresses.find((a) => a.Primary)?.PrivateIpAddress ?? "",
    addresses: addresses
      .filter((a) => !a.Primary)
      .map((a) => ({ address: a.PrivateIpAddress ?? "", state: ADDRESS_STATES[a.State ?? ""] ?? "pending" })),
    tags: (wire.TagSet ?? []).map((t) => ({ key: t.Key ?? "", value: t.Value ?? "" })),
  };
}
