import { isList, isObject, type Json, type JsonObject, type Schema } from "./shape.ts";

/** One thing that is wrong with an object, as a Status names it. */
export interface Fault {
  readonly field: string;
  readonly reason:
    | "FieldValueForbidden"
    | "FieldValueRequired"
    | "FieldValueInvalid"
    | "FieldValueTypeInvalid"
    | "FieldValueNotSupported";
  readonly message: string;
}

/** Paths of fields that a schema does not know, as strict decoding names them: `spec.sise`. */
export function unknownFields(value: Json | undefined, schema: Schema, path = ""): string[] {
  if (isList(value)) {
    const { items = {} } = schema;
    return value.flatMap((item, i) => unknownFields(item, items, `${path}[${i}]`));
  }
  if (!isObject(value) || schema.type !== "object" || schema["x-kubernetes-preserve-unknown-fields"])
    return [];
  const { properties = {}, additionalProperties } = schema;
  return Object.entries(value).flatMap(([name, field]) => {
    const below = path === "" ? name : `${path}.${name}`;
    const known =
      properties[name] ?? (typeof additionalProperties === "object" ? additionalProperties : undefined);
    if (known !== undefined) return unknownFields(field, known, below);
    // An object without properties, such as `metadata`, is not looked into.
    return additionalProperties || Object.keys(properties).length === 0 ? [] : [below];
  });
}

/** The value with the schema's defaults where it has nothing. */
export function withDefaults(value: Json | undefined, schema: Schema): Json | undefined {
  if (value === undefined) return schema.default;
  if (isList(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => withDefaults(item, items) ?? null);
  }
  if (!isObject(value)) return value;
  const result: Record<string, Json | undefined> = { ...value };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    // A null where null is not allowed gives way to a default, and is a fault where there is none.
    const isVoid = value[name] === null && !field.nullable && field.default !== undefined;
    const given = isVoid ? undefined : value[name];
    const filled = withDefaults(given, field);
    if (filled === undefined) delete result[name];
    else result[name] = filled;
  }
  return result;
}

/** All that is wrong with a value. */
export function faultsOf(value: Json | undefined, schema: Schema, path = ""): Fault[] {
  if (value === undefined || (value === null && schema.nullable)) return [];
  const type = typeFault(value, schema, path);
  if (type !== undefined) return [type];
  if (isList(value)) return listFaults(value, schema, path);
  if (isObject(value)) return objectFaults(value, schema, path);
  return scalarFaults(value, schema, path);
}

function typeFault(value: Json, { type }: Schema, path: string): Fault | undefined {
  if (type === undefined) return undefined;
  const actual = isList(value) ? "array" : value === null ? "null" : typeof value;
  const fits = type === "integer" ? Number.isInteger(value) : actual === type;
  if (fits) return undefined;
  return {
    field: path,
    reason: "FieldValueTypeInvalid",
    message: `Invalid value: "${actual}": ${path} in body must be of type ${type}: "${actual}"`,
  };
}

function listFaults(value: readonly Json[], schema: Schema, path: string): Fault[] {
  const { items = {} } = schema;
  const faults = value.flatMap((item, i) => faultsOf(item, items, `${path}[${i}]`));
  const keys = schema["x-kubernetes-list-map-keys"];
  if (keys !== undefined) {
    const seen = new Set<string>();
    for (const [i, item] of value.entries()) {
      const key = JSON.stringify(keys.map((name) => (isObject(item) ? item[name] : undefined)));
      if (seen.has(key)) {
        faults.push({ field: `${path}[${i}]`, reason: "FieldValueInvalid", message: "Duplicate value" });
      }
      seen.add(key);
    }
  }
  return faults;
}

function objectFaults(value: JsonObject, schema: Schema, path: string): Fault[] {
  const at = (name: string) => (path === "" ? name : `${path}.${name}`);
  const missing = (schema.required ?? [])
    .filter((name) => value[name] === undefined)
    .map((name): Fault => ({ field: at(name), reason: "FieldValueRequired", message: "Required value" }));
  const { properties = {}, additionalProperties } = schema;
  const below = Object.entries(value).flatMap(([name, field]) => {
    const known =
      properties[name] ?? (typeof additionalProperties === "object" ? additionalProperties : undefined);
    return known === undefined ? [] : faultsOf(field, known, at(name));
  });
  return [...missing, ...below];
}

function scalarFaults(value: Json, schema: Schema, path: string): Fault[] {
  const faults: Fault[] = [];
  const invalid = (what: string) =>
    faults.push({
      field: path,
      reason: "FieldValueInvalid",
      message: `Invalid value: ${JSON.stringify(value)}: ${path} in body ${what}`,
    });
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    const supported = schema.enum.map((v) => JSON.stringify(v)).join(", ");
    faults.push({
      field: path,
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`,
    });
  }
  if (typeof value === "string") {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
      invalid(`should match '${schema.pattern}'`);
    }
    if (schema.format === "date-time" && Number.isNaN(Date.parse(value)))
      invalid("must be of type date-time");
    if (schema.minLength !== undefined && value.length < schema.minLength) invalid("is too short");
    if (schema.maxLength !== undefined && value.length > schema.maxLength) invalid("is too long");
  }
  if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) {
      invalid(`should be greater than or equal to ${schema.minimum}`);
    }
    if (schema.maximum !== undefined && value > schema.maximum) {
      invalid(`should be less than or equal to ${schema.maximum}`);
    }
  }
  return faults;
}

/**
 * Rules that forbid a change (`self.spec.mac == oldSelf.spec.mac`), which are the ones that hold back our own writers. Other CEL
 * is not read here.
 */
export function brokenRules(
  value: JsonObject,
  before: JsonObject | undefined,
  rules: NonNullable<Schema["x-kubernetes-validations"]>,
): Fault[] {
  if (before === undefined) return [];
  return rules.flatMap(({ rule, message }): Fault[] => {
    if (rule.split(" || ").some((term) => holds(term, value, before))) return [];
    return [
      {
        field: "<nil>",
        reason: "FieldValueInvalid",
        message: `Invalid value: ${message ?? `failed rule: ${rule}`}`,
      },
    ];
  });
}

/** A term of a rule of ours that compares an object with what it was; any other kind of rule is not checked here, and holds. */
function holds(term: string, value: JsonObject, before: JsonObject): boolean {
  const same = /^self((?:\.\w+)+) == oldSelf\1$/.exec(term)?.[1];
  if (same !== undefined) return Bun.deepEquals(at(value, same), at(before, same));
  const absent = /^!has\(oldSelf((?:\.\w+)+)\)$/.exec(term)?.[1];
  if (absent !== undefined) return at(before, absent) === undefined;
  const [, was, text] = /^oldSelf((?:\.\w+)+) == '(\w*)'$/.exec(term) ?? [];
  if (was !== undefined) return at(before, was) === text;
  const [, parent, name] = /^self((?:\.\w+)+)\.\?(\w+)\.orValue\(''\) == oldSelf\1\.\2$/.exec(term) ?? [];
  if (parent === undefined) return true;
  return Bun.deepEquals(at(value, `${parent}.${name}`) ?? "", at(before, `${parent}.${name}`));
}

function at(value: JsonObject, path: string): Json | undefined {
  let current: Json | undefined = value;
  for (const name of path.split(".").slice(1)) current = isObject(current) ? current[name] : undefined;
  return current;
}
