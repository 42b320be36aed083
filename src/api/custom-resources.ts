import type { CustomResource } from "./custom-resource.ts";
import { EIP_CLAIM } from "./eip-claim.ts";
import { NODE_ENI_CONFIG } from "./node-eni-config.ts";
import { VPC_ENI } from "./vpc-eni.ts";
import { VPC_IP } from "./vpc-ip.ts";
import { VPC_IP_CLAIM } from "./vpc-ip-claim.ts";
import { VPC_SUBNET } from "./vpc-subnet.ts";

/** Every custom resource of this project. */
export const CUSTOM_RESOURCES: readonly CustomResource[] = [
  NODE_ENI_CONFIG,
  VPC_IP,
  VPC_ENI,
  VPC_IP_CLAIM,
  EIP_CLAIM,
  VPC_SUBNET,
];
