import { ConfigError, type SimConfig } from "../config.ts";
import { AddressSet } from "./address-set.ts";
import { DueQueue } from "./due-queue.ts";
import { type Block, contains, overlap, parseBlock, sizeOf } from "./ipv4.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { CloudState, Subnet, Time, Vpc } from "./state.ts";

/**
 * The cloud as it is configured, before its first machine.
 *
 * @throws ConfigError for a subnet that is not within its VPC, is too small, or overlaps another
 */
export function initialState(config: SimConfig, now: Time): CloudState {
  const vpcs = config.vpcs.map(
    (vpc): Vpc => ({
      vpcId: vpc.vpcId,
      name: vpc.name,
      block: block(vpc.vpcId, vpc.cidr),
      eniCount: 0,
      createdAt: now,
    }),
  );
  const vpcById = PersistentMap.of(vpcs.map((vpc) => [vpc.vpcId, vpc]));
  const subnets = new Map<string, Subnet>();
  for (const { cidr, ...rest } of config.subnets) {
    const cidrBlock = block(rest.subnetId, cidr);
    const none = AddressSet.emptyOf(cidrBlock);
    const subnet = { ...rest, block: cidrBlock, taken: none, outsiders: none, createdAt: now };
    const vpc = vpcById.get(subnet.vpcId);
    if (
      vpc === undefined ||
      !contains(vpc.block, subnet.block.base) ||
      sizeOf(subnet.block) > sizeOf(vpc.block)
    ) {
      throw new ConfigError(
        `The subnet ${subnet.subnetId} (${cidr}) does not lie in its VPC ${subnet.vpcId}.`,
      );
    }
    // The smallest that the cloud makes (VPC documentation, "Limits").
    if (subnet.block.prefixLength > 29) {
      throw new ConfigError(`The subnet ${subnet.subnetId} (${cidr}) is too small: /29 is the smallest.`);
    }
    const other = [...subnets.values()].find(
      (it) => it.vpcId === subnet.vpcId && overlap(it.block, subnet.block),
    );
    if (other !== undefined) {
      throw new ConfigError(`The subnets ${other.subnetId} and ${subnet.subnetId} overlap.`);
    }
    subnets.set(subnet.subnetId, subnet);
  }
  return {
    settings: {
      instanceTypes: config.instanceTypes,
      latency: config.latency,
      securityGroups: config.securityGroups.map((group) => group.securityGroupId),
    },
    dice: config.seed,
    vpcMaxEnis: config.vpcMaxEnis,
    vpcs: vpcById,
    subnets: PersistentMap.of(subnets),
    instances: PersistentMap.of(),
    enis: PersistentMap.of(),
    enisByInstance: PersistentMap.of(),
    macs: PersistentMap.of(),
    tasks: PersistentMap.of(),
    finished: PersistentMap.of(),
    jobs: PersistentMap.of(),
    receiving: PersistentMap.of(),
    due: DueQueue.empty,
    answers: PersistentMap.of(),
  };
}

function block(id: string, cidr: string): Block {
  const parsed = parseBlock(cidr);
  if (parsed === undefined) {
    throw new ConfigError(`The block ${cidr} of ${id} has bits set to the right of its prefix.`);
  }
  return parsed;
}
