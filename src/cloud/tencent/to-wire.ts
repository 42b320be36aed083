import type { CreateNetworkInterfaceRequest } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_models.js";
import type { CreateEni } from "../cloud-vpc.ts";

/** The request for a new ENI as the VPC API takes it. No list of security groups means the VPC's default one. */
export function creationToWire(request: CreateEni): CreateNetworkInterfaceRequest {
  return {
    VpcId: request.vpcId,
    SubnetId: request.subnetId,
    NetworkInterfaceName: request.name,
    ClientToken: request.clientToken,
    SecondaryPrivateIpAddressCount: request.addresses,
    Tags: request.tags.map(({ key, value }) => ({ Key: key, Value: value })),
    ...(request.securityGroupIds.length > 0 && { SecurityGroupIds: [...request.securityGroupIds] }),
  };
}
