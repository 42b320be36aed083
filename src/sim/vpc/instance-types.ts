import type { InstanceType } from "../config.ts";
import { CloudError } from "./cloud-error.ts";
import type { CloudState } from "./state.ts";

interface Quota {
  readonly eniQuota: number;
  readonly addressesPerEni: number;
}

/**
 * Network interfaces (the primary one counts) and addresses on each (its own counts) by number of cores: the table of the
 * CVM use limits, but for 16 cores and more, where the API answers 40 addresses and the table still has 30. A row holds for
 * its number of cores and more, up to the next.
 */
const quotaByCores: readonly (readonly [cores: number, quota: Quota])[] = [
  [1, { eniQuota: 2, addressesPerEni: 6 }],
  [2, { eniQuota: 4, addressesPerEni: 10 }],
  [4, { eniQuota: 4, addressesPerEni: 10 }],
  [8, { eniQuota: 6, addressesPerEni: 20 }],
  [12, { eniQuota: 8, addressesPerEni: 30 }],
  [16, { eniQuota: 8, addressesPerEni: 40 }],
];

/** Types that the table lists apart from their number of cores. */
const exceptions: Readonly<Record<string, Partial<Quota>>> = {
  "SA1.SMALL1": { addressesPerEni: 2 },
  "SA1.MEDIUM2": { eniQuota: 2 },
  "SA1.MEDIUM4": { eniQuota: 2 },
  "SA1.MEDIUM8": { eniQuota: 2 },
  "SA1.LARGE16": { addressesPerEni: 20 },
  "S5se.LARGE8": { addressesPerEni: 20 },
  "S5se.LARGE16": { addressesPerEni: 20 },
};

/** Sizes by the second half of a type's name, which ends in its memory in GiB. `3XLARGE` is three times LARGE. */
const coresBySize: Readonly<Record<string, number>> = { SMALL: 1, MEDIUM: 2, LARGE: 4 };

/**
 * What is known about an instance type.
 *
 * @param name as the cloud writes it, `S5.MEDIUM2`
 * @returns undefined where the name is not one of the cloud's; bare metal has no network interfaces to attach and is not
 *   known either
 */
export function findInstanceType(name: string): InstanceType | undefined {
  const [, size, memory] = /^[A-Z]+\d+[a-zA-Z]*\.((?:\d+X)?[A-Z]+)(\d+)$/.exec(name) ?? [];
  const cpu = coresOf(size ?? "");
  const quota = quotaByCores.findLast(([cores]) => cpu !== undefined && cores <= cpu)?.[1];
  if (cpu === undefined || memory === undefined || quota === undefined) {
    return undefined;
  }
  return { cpu, memory: Number(memory), ...quota, ...exceptions[name] };
}

/**
 * What a machine of that type may have here: as configured, else as known.
 *
 * @throws CloudError InvalidParameterValue for a type that is neither
 */
export function knownInstanceType(state: CloudState, name: string): InstanceType {
  const type = state.settings.instanceTypes[name] ?? findInstanceType(name);
  if (type === undefined) {
    throw new CloudError(
      "InvalidParameterValue",
      `The instance type "${name}" is not known: name one like S5.MEDIUM2, or configure it under instanceTypes.`,
    );
  }
  return type;
}

function coresOf(size: string): number | undefined {
  const [, times] = /^(\d+)XLARGE$/.exec(size) ?? [];
  return times === undefined ? coresBySize[size] : Number(times) * 4;
}
