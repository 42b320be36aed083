/** An API of the cloud with a host, a version and a request rate of its own. */
export type CloudProduct = "vpc" | "cvm" | "tag";

/**
 * Calls to one product that we make in any second at most, whatever the sum of its actions' limits: what is left of the
 * account's rate is for the people and the other components that use it.
 */
export const PRODUCT_RATE = 50;

/**
 * Every action that is called, and how often any second may see it: the limits that its page of the API documentation gives for
 * an account in a region, the lower one where the Chinese and the international pages differ.
 */
export const RATES = {
  CreateNetworkInterface: { product: "vpc", perSecond: 100 },
  AttachNetworkInterface: { product: "vpc", perSecond: 50 },
  CreateAndAttachNetworkInterface: { product: "vpc", perSecond: 20 },
  DetachNetworkInterface: { product: "vpc", perSecond: 100 },
  DeleteNetworkInterface: { product: "vpc", perSecond: 100 },
  AssignPrivateIpAddresses: { product: "vpc", perSecond: 100 },
  UnassignPrivateIpAddresses: { product: "vpc", perSecond: 100 },
  MigratePrivateIpAddress: { product: "vpc", perSecond: 50 },
  DescribeNetworkInterfaces: { product: "vpc", perSecond: 100 },
  DescribeNetworkInterfaceLimit: { product: "vpc", perSecond: 20 },
  DescribeSubnets: { product: "vpc", perSecond: 100 },
  DescribeVpcLimits: { product: "vpc", perSecond: 20 },
  DescribeInstances: { product: "cvm", perSecond: 40 },
  ModifyResourceTags: { product: "tag", perSecond: 20 },
} as const satisfies Readonly<Record<string, { product: CloudProduct; perSecond: number }>>;

export type CloudAction = keyof typeof RATES;

export const CLOUD_ACTIONS = Object.keys(RATES) as readonly CloudAction[];
