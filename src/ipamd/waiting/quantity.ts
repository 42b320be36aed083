// This file alone: the whole of client-node costs 25 MB of memory.
import { quantityToScalar } from "@kubernetes/client-node/dist/util.js";

/**
 * The amount that a Kubernetes quantity stands for: `110`, `250m`, `64Mi`.
 *
 * @param quantity as the API server writes it: canonical, which never has a fraction before a suffix
 * @returns undefined where there is none, or it is no quantity
 */
export function amountOf(quantity: string | undefined): number | undefined {
  if (quantity === undefined || quantity === "") return undefined;
  try {
    const amount = Number(quantityToScalar(quantity));
    return Number.isFinite(amount) ? amount : undefined;
  } catch {
    return undefined;
  }
}
