import type { JsonObject } from "./shape.ts";

/** Whether an object is selected. */
export type Selector = (object: JsonObject) => boolean;

/** One requirement of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Reads `a=b,c!=d`. @throws SyntaxError */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(",")
    .filter((term) => term !== "")
    .map((term) => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
      if (match === null) throw new SyntaxError(`invalid selector: '${text}'; can't understand '${term}'`);
      return { field: match[1] ?? "", equal: match[2] !== "!=", value: match[3] ?? "" };
    });
}

/** Reads a label selector: `a=b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)`, joined by commas. @throws SyntaxError */
export function parseLabelSelector(text: string): Selector {
  const terms = text.match(/[^,(]+(\([^)]*\))?/g) ?? [];
  const tests = terms.map((term) => labelTest(term.trim()));
  return (object) => {
    const { labels } = object["metadata"] as { labels?: Record<string, string> };
    return tests.every((test) => test(labels ?? {}));
  };
}

function labelTest(term: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\((.*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", word, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return (labels) => values.includes(labels[key] ?? "\0") === (word === "in");
  }
  const pair = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (pair !== null) {
    const [, key = "", operator, value] = pair;
    return (labels) => (labels[key] === value) === (operator !== "!=");
  }
  if (/^![^=!\s]+$/.test(term)) return (labels) => !(term.slice(1) in labels);
  if (/^[^=!\s]+$/.test(term)) return (labels) => term in labels;
  throw new SyntaxError(`unable to parse requirement: ${term}`);
}
