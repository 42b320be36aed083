import type { Time } from "../vpc/state.ts";

/**
 * Calls a second that Tencent Cloud's documentation allows, by action: the sentence "A maximum of N requests can be initiated per
 * second" on each action's page (VPC 2017-03-12, CVM 2017-03-12, Tag 2018-08-13). Where the Chinese and the international page
 * differ, as for AttachNetworkInterface and MigratePrivateIpAddress (100 and 50), it is the lower.
 */
export const documentedRates: Readonly<Record<string, number>> = {
  DescribeVpcs: 100,
  DescribeSubnets: 100,
  DescribeVpcLimits: 20,
  DescribeNetworkInterfaces: 100,
  DescribeNetworkInterfaceLimit: 20,
  CreateNetworkInterface: 100,
  AttachNetworkInterface: 50,
  DetachNetworkInterface: 100,
  DeleteNetworkInterface: 100,
  CreateAndAttachNetworkInterface: 20,
  AssignPrivateIpAddresses: 100,
  UnassignPrivateIpAddresses: 100,
  MigratePrivateIpAddress: 50,
  DescribeVpcTaskResult: 20,
  DescribeInstances: 40,
  ModifyResourceTags: 20,
  TagResources: 20,
  UnTagResources: 20,
  GetResources: 20,
};

/** For actions of which the documentation does not say: as most APIs of the cloud have it. */
const usualRate = 20;

/** Calls a second: one figure for all in place of the documented ones, others for single actions; or none at all. */
export type RateLimits =
  | {
      readonly default?: number | undefined;
      readonly actions: Readonly<Record<string, number>>;
    }
  | false;

/** When calls were let in, by action: of each as many as its limit, oldest first. */
export type RateWindows = ReadonlyMap<string, readonly Time[]>;

/** How many calls of an action are let in within any 1000 ms. */
export function rateLimitOf(limits: RateLimits, action: string): number {
  return limits === false
    ? Number.POSITIVE_INFINITY
    : (limits.actions[action] ?? limits.default ?? documentedRates[action] ?? usualRate);
}

/** The times of those calls that are less than 1000 ms old. */
export function withinLastSecond(times: readonly Time[], now: Time): readonly Time[] {
  const first = times.findIndex((time) => time > now - 1000);
  return first === -1 ? [] : times.slice(first);
}
