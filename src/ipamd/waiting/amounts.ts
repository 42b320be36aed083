import { amountOf } from "./quantity.ts";

/** Amounts of resources by name: `cpu` in thousandths of a core, so that sums are exact; everything else as it is counted. */
export type Amounts = Readonly<Record<string, number>>;

/** Amounts of a list of quantities, such as `requests` or `allocatable`; what cannot be read is left out. */
export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts: Record<string, number> = {};
  for (const [resource, quantity] of Object.entries(quantities ?? {})) {
    const amount = amountOf(quantity);
    if (amount !== undefined) amounts[resource] = Math.ceil(resource === "cpu" ? amount * 1000 : amount);
  }
  return amounts;
}

export function sumOf(...all: readonly Amounts[]): Amounts {
  return merged(all, (a, b) => a + b);
}

/** The larger one of each resource. */
export function mostOf(...all: readonly Amounts[]): Amounts {
  return merged(all, Math.max);
}

/** Whether `wanted` is there in whole. Nothing fits, also where more is taken than there is. */
export function fitsInto(wanted: Amounts, free: Amounts): boolean {
  for (const resource in wanted) {
    if ((wanted[resource] ?? 0) > Math.max(0, free[resource] ?? 0)) return false;
  }
  return true;
}

function merged(all: readonly Amounts[], merge: (a: number, b: number) => number): Amounts {
  const result: Record<string, number> = {};
  for (const amounts of all) {
    for (const [resource, amount] of Object.entries(amounts)) {
      result[resource] = merge(result[resource] ?? 0, amount);
    }
  }
  return result;
}
