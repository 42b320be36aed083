/** Adds to a count; one that comes to nothing goes. */
export function add<K>(counts: Map<K, number>, key: K, amount = 1): void {
  const sum = (counts.get(key) ?? 0) + amount;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

/** Adds to a count of an outer key. */
export function addWithin<K, L>(
  counts: Map<K, Map<L, number>>,
  [outer, inner]: readonly [K, L],
  amount = 1,
): void {
  let within = counts.get(outer);
  if (within === undefined) {
    within = new Map();
    counts.set(outer, within);
  }
  add(within, inner, amount);
  if (within.size === 0) counts.delete(outer);
}
