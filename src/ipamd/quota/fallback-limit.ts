import type { InterfaceLimit } from "../../cloud/cloud-vpc.ts";

/**
 * ENIs and addresses of each, the primary ones included, by number of cores: the table of the CVM use limits. A row holds up to the
 * next. From 16 cores on the API has been seen to answer 40 addresses: the table's 30 is on the safe side.
 */
const BY_CORES: readonly (readonly [cores: number, limit: InterfaceLimit])[] = [
  [1, { enis: 2, addressesPerEni: 6 }],
  [2, { enis: 4, addressesPerEni: 10 }],
  [8, { enis: 6, addressesPerEni: 20 }],
  [12, { enis: 8, addressesPerEni: 30 }],
];

/** Types that the table lists apart from their cores. */
const BY_TYPE: Readonly<Record<string, Partial<InterfaceLimit>>> = {
  "SA1.SMALL1": { addressesPerEni: 2 },
  "SA1.MEDIUM2": { enis: 2 },
  "SA1.MEDIUM4": { enis: 2 },
  "SA1.MEDIUM8": { enis: 2 },
  "SA1.LARGE16": { addressesPerEni: 20 },
  "S5se.LARGE8": { addressesPerEni: 20 },
  "S5se.LARGE16": { addressesPerEni: 20 },
};

/** Of a type that is not known: what the smallest of all may have. */
const SMALLEST: InterfaceLimit = { enis: 2, addressesPerEni: 2 };

/** Bare metal takes no ENI beside its own. */
const NONE: InterfaceLimit = { enis: 1, addressesPerEni: 1 };

/**
 * What an instance may have while the cloud does not say: never more than it would.
 *
 * @param instanceType as the cloud writes it: `S5.2XLARGE16`
 */
export function fallbackLimit(instanceType: string): InterfaceLimit {
  if (/^BM/.test(instanceType)) return NONE;
  const cores = coresOf(instanceType);
  const row = BY_CORES.findLast(([least]) => cores !== undefined && least <= cores)?.[1];
  return row === undefined ? SMALLEST : { ...row, ...BY_TYPE[instanceType] };
}

/** A size is written FAMILY.SIZE and memory in GiB: SMALL has one core, MEDIUM two, LARGE four, `3XLARGE` three times four. */
function coresOf(instanceType: string): number | undefined {
  const size = /^[A-Z]+\d+[a-zA-Z]*\.(?:(\d+)X)?(SMALL|MEDIUM|LARGE)\d+$/.exec(instanceType);
  const [, times, word] = size ?? [];
  const cores = { SMALL: 1, MEDIUM: 2, LARGE: 4 }[word ?? ""];
  return cores === undefined ? undefined : cores * Number(times ?? 1);
}
