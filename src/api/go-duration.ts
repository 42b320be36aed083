const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * Milliseconds of a duration as Go and Kubernetes write it: "90s", "2m", "1h30m", "500ms".
 *
 * @returns undefined when the text is no such duration
 */
export function parseGoDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^([0-9]+(\.[0-9]+)?(h|ms|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)/g)) {
    total += Number(count) * (UNITS_MS[unit ?? ""] ?? Number.NaN);
  }
  return total;
}
