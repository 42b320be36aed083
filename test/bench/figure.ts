/** One figure of a benchmark. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What it is to be, as `<= 1.2`; absent where it is only told. */
  goal?: { op: "<=" | "<" | ">="; value: number };
}

/** A figure as it is written for programs. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  goal: string | null;
  met: boolean | null;
}

const MEETS: Readonly<Record<NonNullable<Figure["goal"]>["op"], (value: number, goal: number) => boolean>> = {
  "<=": (value, goal) => value <= goal,
  "<": (value, goal) => value < goal,
  ">=": (value, goal) => value >= goal,
};

export function rowOf({ name, value, unit, goal }: Figure): Row {
  if (goal === undefined) return { name, value, unit, goal: null, met: null };
  const met = MEETS[goal.op](value, goal.value);
  return { name, value, unit, goal: `${goal.op} ${goal.value}`, met };
}

/** The figures as a table for people. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures
    .map(rowOf)
    .map(({ name, value, unit, goal, met }) => [
      name,
      `${Number(value.toPrecision(4))}${unit && ` ${unit}`}`,
      goal ?? "",
      met === null ? "" : met ? "met" : "NOT MET",
    ]);
  const head = ["figure", "value", "goal", ""];
  const widths = head.map((text, column) =>
    Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
