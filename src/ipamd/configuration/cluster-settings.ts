import { CLUSTER_CONFIGURATION } from "../../api/cluster-configuration.ts";
import type { SettingProblem } from "./setting-problem.ts";

/** Where a cluster's ENIs are made. */
export interface ClusterSettings {
  vpcId: string;
  /** Container subnets, each once, at least one. */
  subnetIds: readonly string[];
}

export interface ClusterSettingsOptions {
  /** From flags: in force where the ConfigMap has never said anything else. */
  fallback: ClusterSettings;
  /** What the reading before said; absent on the first one. */
  lastGood: ClusterSettings | undefined;
  /**
   * Subnets that a former leader had in force, where this one has read nothing yet: flags may be from before people changed the
   * ConfigMap, and a wrong value must not drain what was added since.
   */
  published?: readonly string[];
}

const { name, keys } = CLUSTER_CONFIGURATION;

/**
 * What is in force for the cluster. A wrong value is ignored as a whole, since a subnet left out by a typing error would be
 * drained; so is the disappearance of the ConfigMap or of a key: the last good value stays. The VPC is the nodes' and never
 * changes while ipamd runs.
 *
 * @param data of the ConfigMap `tke-eni-ipamd`; undefined when there is none
 * @returns with it, problems: one for each value that is not in force
 */
export function readClusterSettings(
  data: Readonly<Record<string, string>> | undefined,
  { fallback, lastGood, published = [] }: ClusterSettingsOptions,
): ClusterSettings & { problems: SettingProblem[] } {
  const before = lastGood ?? fallback;
  const vpc = readVpcId(data?.[keys.vpcId], { before: before.vpcId, fixed: lastGood !== undefined });
  const subnets = readSubnetIds(data?.[keys.subnetIds], {
    formerly: published.length > 0 ? published : before.subnetIds,
    whenAbsent: lastGood?.subnetIds ?? [...new Set([...fallback.subnetIds, ...published])],
    flags: fallback.subnetIds,
  });
  return {
    vpcId: vpc.value,
    subnetIds: subnets.value,
    problems: [...vpc.problems, ...subnets.problems],
  };
}

interface Reading<T> {
  value: T;
  problems: SettingProblem[];
}

function readVpcId(
  value: string | undefined,
  { before, fixed }: { before: string; fixed: boolean },
): Reading<string> {
  if (value === undefined || value === before) return { value: before, problems: [] };
  const refuse = (why: string): Reading<string> => ({
    value: before,
    problems: [problem({ key: keys.vpcId, value }, why, before)],
  });
  if (!/^vpc-[a-z0-9]+$/.test(value)) {
    return refuse("is not the id of a VPC, such as vpc-0a1b2c3d");
  }
  if (fixed) {
    return refuse(
      "is another VPC than that of the nodes that are served (restart ipamd if that one is wrong)",
    );
  }
  return { value, problems: [] };
}

function readSubnetIds(
  value: string | undefined,
  {
    formerly,
    whenAbsent,
    flags,
  }: { formerly: readonly string[]; whenAbsent: readonly string[]; flags: readonly string[] },
): Reading<readonly string[]> {
  const refuse = (why: string, inForce = formerly): Reading<readonly string[]> => ({
    value: inForce,
    problems: [problem({ key: keys.subnetIds, value: value ?? "" }, why, inForce.join(":"))],
  });
  if (value === undefined) {
    // What flags say needs no ConfigMap; that they say less than was in force may be for want of one.
    return whenAbsent.every((id) => flags.includes(id))
      ? { value: whenAbsent, problems: [] }
      : refuse("is not there, which removes no subnet (to remove one, leave its id out)", whenAbsent);
  }
  const ids = [...new Set(value.split(":").filter((id) => id !== ""))];
  if (ids.length === 0) return refuse("names no subnet");
  const bad = ids.filter((id) => !/^subnet-[a-z0-9]+$/.test(id));
  if (bad.length > 0) {
    return refuse(
      `must be subnet ids joined by colons, such as subnet-a1:subnet-b2, and "${bad[0]}" is none`,
    );
  }
  return { value: ids, problems: [] };
}

function problem(
  { key, value }: { key: string; value: string },
  why: string,
  inForce: string,
): SettingProblem {
  return {
    key,
    value,
    message: `${key} "${value}" ${why}: ${inForce} is in force; correct it in ConfigMap ${name}`,
  };
}
