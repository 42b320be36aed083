import { z } from "zod";
import { CloudError } from "../vpc/cloud-error.ts";

/**
 * Reads the parameters of an action.
 *
 * @throws CloudError MissingParameter, UnknownParameter, InvalidParameter (the type is wrong) or InvalidParameterValue, for
 *   the first parameter at fault
 */
export function readParameters<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body, { reportInput: true });
  if (result.success) {
    return result.data;
  }
  throw faultOf(result.error.issues[0]);
}

function faultOf(issue: z.core.$ZodIssue | undefined): CloudError {
  // Arrays are written with their index, as the documentation does: Filters.0.Name.
  const parameter = issue?.path.join(".") ?? "";
  switch (issue?.code) {
    case "unrecognized_keys": {
      const unknown = [parameter, issue.keys[0]].filter(Boolean).join(".");
      return new CloudError("UnknownParameter", `The parameter \`${unknown}\` is not recognized.`);
    }
    case "invalid_type":
      return issue.input === undefined
        ? new CloudError("MissingParameter", `The request is missing a required parameter \`${parameter}\`.`)
        : new CloudError(
            "InvalidParameter",
            `The value type of parameter \`${parameter}\` is not valid: ${issue.message}.`,
          );
    default:
      return new CloudError(
        codeOfValue(issue),
        `The value of parameter \`${parameter}\` is not valid: ${issue?.message}.`,
      );
  }
}

/** The codes that the VPC API has for values that are too many, too great or too long. */
function codeOfValue(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code !== "too_big" && issue?.code !== "too_small") {
    return "InvalidParameterValue";
  }
  switch (issue.origin) {
    case "array":
      return issue.code === "too_big" ? "InvalidParameterValue.LimitExceeded" : "InvalidParameterValue.Empty";
    case "string":
      return issue.code === "too_big" ? "InvalidParameterValue.TooLong" : "InvalidParameterValue.Empty";
    default:
      return "InvalidParameterValue.Range";
  }
}

/** Filters: a name and the values of which one must match. Limits as on the pages of the VPC and CVM API. */
export const filtersSchema = z
  .array(z.strictObject({ Name: z.string(), Values: z.array(z.string()).min(1).max(100) }))
  .max(10);

export type Filters = z.infer<typeof filtersSchema>;

/** A page of a list. Some actions document the two as strings; both forms are taken everywhere. */
export const pageFields = {
  Offset: numeric(z.int().min(0)).default(0),
  Limit: numeric(z.int().min(1).max(100)).default(20),
};

/** At most as many ids as a request may name. */
export const idsSchema = z.array(z.string()).max(100);

/** One page of a list, and how long the list is. */
export function page<T>(items: readonly T[], { Offset, Limit }: { Offset: number; Limit: number }) {
  return { total: items.length, items: items.slice(Offset, Offset + Limit) };
}

/**
 * Refuses ids and filters in one request.
 *
 * @throws CloudError InvalidParameter.Coexist
 */
export function notBoth(
  ids: readonly string[] | undefined,
  filters: Filters | undefined,
  names: string,
): void {
  if (ids !== undefined && ids.length > 0 && filters !== undefined && filters.length > 0) {
    throw new CloudError(
      "InvalidParameter.Coexist",
      `The parameters ${names} and Filters may not be given together.`,
    );
  }
}

/** What a filter looks at: the values that an item has for it. */
export type Facet<T> = (item: T) => readonly string[];

/**
 * The items that every filter lets through. A filter lets an item through when one of its values is one that the item has.
 *
 * @param options.facets by filter name
 * @param options.tags of an item, for `tag-key` and `tag:KEY`
 * @throws CloudError InvalidParameter.FilterInvalidKey for a filter that is not known
 */
export function applyFilters<T>(
  items: readonly T[],
  filters: Filters | undefined,
  options: {
    facets: Readonly<Record<string, Facet<T>>>;
    tags: (item: T) => readonly { readonly key: string; readonly value: string }[];
  },
): T[] {
  const tests = (filters ?? []).map(({ Name, Values }) => {
    const facet = findFacet(Name, options);
    return (item: T) => facet(item).some((value) => Values.includes(value));
  });
  return items.filter((item) => tests.every((test) => test(item)));
}

function findFacet<T>(
  name: string,
  options: {
    facets: Readonly<Record<string, Facet<T>>>;
    tags: (item: T) => readonly { readonly key: string; readonly value: string }[];
  },
): Facet<T> {
  if (name === "tag-key") {
    return (item) => options.tags(item).map((tag) => tag.key);
  }
  if (name.startsWith("tag:")) {
    const key = name.slice("tag:".length);
    return (item) =>
      options
        .tags(item)
        .filter((tag) => tag.key === key)
        .map((tag) => tag.value);
  }
  const facet = options.facets[name];
  if (facet === undefined) {
    throw new CloudError("InvalidParameter.FilterInvalidKey", `The filter \`${name}\` is not known.`);
  }
  return facet;
}

function numeric<S extends z.ZodType>(schema: S) {
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value),
    schema,
  );
}
