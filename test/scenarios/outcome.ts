/** What became of a scenario. */
export interface Outcome {
  readonly scenario: string;
  readonly disturbance: string;
  readonly seconds: number;
  /** Absent where it ended as it must. */
  readonly failure?: string;
}

/** Scenarios by disturbances, as people read it. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const disturbances = [...new Set(outcomes.map(({ disturbance }) => disturbance))];
  const scenarios = [...new Set(outcomes.map(({ scenario }) => scenario))];
  const cell = (scenario: string, disturbance: string) => {
    const found = outcomes.find((it) => it.scenario === scenario && it.disturbance === disturbance);
    if (found === undefined) return "";
    return `${found.failure === undefined ? "as it must" : "FAILED"}, ${found.seconds.toFixed(0)} s`;
  };
  const rows = [
    ["", ...disturbances],
    ...scenarios.map((scenario) => [scenario, ...disturbances.map((it) => cell(scenario, it))]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
