import type { z } from "zod";

/**
 * What is wrong with a document, for people: each fault names the key and, where the schema was told to report it
 * (`reportInput`), the value. Keys of lists are their numbers, from 0.
 *
 * @param whole what the document is called where it is at fault itself
 */
export function schemaFaults(issues: readonly z.core.$ZodIssue[], whole: string): string {
  return issues.map((issue) => faultOf(issue, whole)).join("; ");
}

function faultOf(issue: z.core.$ZodIssue, whole: string): string {
  if (issue.code === "invalid_union") {
    // The branch that got furthest is the one that was meant.
    const inner = issue.errors.flat().filter((it) => it.path.length > 0);
    if (inner.length > 0) {
      return schemaFaults(
        inner.map((it) => ({ ...it, path: [...issue.path, ...it.path] })),
        whole,
      );
    }
  }
  const key = issue.path.join(".") || whole;
  if (issue.code === "unrecognized_keys") {
    const unknown = issue.keys.map((it) => [...issue.path, it].join("."));
    return `${unknown.join(", ")}: ${unknown.length === 1 ? "is not a key" : "are not keys"} that is known here`;
  }
  if (issue.code === "invalid_type" && issue.input === undefined) {
    return `${key}: ${issue.message.replace(", received undefined", "")}; it is missing`;
  }
  return issue.input === undefined
    ? `${key}: ${issue.message}`
    : `${key}: ${issue.message}; it is ${JSON.stringify(issue.input)}`;
}
