import type { Product } from "./action.ts";
import { describeInstances } from "./describe-instances.ts";
import { describeNetworkInterfaceLimit } from "./describe-network-interface-limit.ts";
import { describeNetworkInterfaces } from "./describe-network-interfaces.ts";
import { describeSubnets } from "./describe-subnets.ts";
import { describeVpcLimits } from "./describe-vpc-limits.ts";
import { describeVpcs } from "./describe-vpcs.ts";
import {
  assignPrivateIpAddressesAction,
  attachNetworkInterfaceAction,
  createAndAttachNetworkInterfaceAction,
  createNetworkInterfaceAction,
  deleteNetworkInterfaceAction,
  describeVpcTaskResult,
  detachNetworkInterfaceAction,
  migratePrivateIpAddressAction,
  unassignPrivateIpAddressesAction,
} from "./network-interface-actions.ts";
import { getResources, modifyResourceTags, tagResources, unTagResources } from "./tag-actions.ts";

/** Everything that this cloud can be asked. */
export const products: readonly Product[] = [
  {
    service: "vpc",
    version: "2017-03-12",
    regional: true,
    actions: {
      DescribeVpcs: describeVpcs,
      DescribeVpcLimits: describeVpcLimits,
      DescribeSubnets: describeSubnets,
      DescribeNetworkInterfaces: describeNetworkInterfaces,
      DescribeNetworkInterfaceLimit: describeNetworkInterfaceLimit,
      CreateNetworkInterface: createNetworkInterfaceAction,
      AttachNetworkInterface: attachNetworkInterfaceAction,
      DetachNetworkInterface: detachNetworkInterfaceAction,
      DeleteNetworkInterface: deleteNetworkInterfaceAction,
      CreateAndAttachNetworkInterface: createAndAttachNetworkInterfaceAction,
      AssignPrivateIpAddresses: assignPrivateIpAddressesAction,
      UnassignPrivateIpAddresses: unassignPrivateIpAddressesAction,
      MigratePrivateIpAddress: migratePrivateIpAddressAction,
      DescribeVpcTaskResult: describeVpcTaskResult,
    },
  },
  {
    service: "cvm",
    version: "2017-03-12",
    regional: true,
    actions: { DescribeInstances: describeInstances },
  },
  {
    service: "tag",
    version: "2018-08-13",
    regional: false,
    actions: {
      ModifyResourceTags: modifyResourceTags,
      TagResources: tagResources,
      UnTagResources: unTagResources,
      GetResources: getResources,
    },
  },
];
