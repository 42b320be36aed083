/** Each has its turn at each place: what the one before leaves warm or busy meets all alike. */
export function rotated<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}
