import type { Finding, Severity } from "./finding.ts";

export type AuditOutput = "table" | "json";

const HEAD = ["SEVERITY", "SUBJECT", "KIND"] as const;

/** Findings for people, or for programs; ends with a line break. */
export function printFindings(
  findings: readonly Finding[],
  { output }: { output: AuditOutput } = { output: "table" },
): string {
  if (output === "json") return `${JSON.stringify(findings, null, 2)}\n`;
  if (findings.length === 0) return "Cloud, objects and agents agree.\n";
  const rows = findings.map(({ severity, subject, kind }) => [
    severity,
    `${subject.type}/${subject.name}`,
    kind,
  ]);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const told = findings.flatMap(({ detail, remedy }, at) => [
    line(rows[at] ?? []),
    `    ${detail}`,
    `    -> ${remedy}`,
  ]);
  return `${[line(HEAD), ...told, "", summary(findings)].join("\n")}\n`;
}

function summary(findings: readonly Finding[]): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  return `${count("quarantined")} wait for a person, ${count("repairs-itself")} repair themselves, ${count("note")} to know of.`;
}
