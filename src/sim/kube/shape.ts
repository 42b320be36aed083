/** Objects as JSON has them. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/**
 * How values are owned and merged (structured-merge-diff, on which server-side apply stands): what can be owned in parts, and
 * what only as a whole.
 */
export type Shape =
  /** A scalar, or a list or map that is atomic. */
  | { readonly kind: "leaf" }
  /** An object with known fields, each owned by itself, and a shape for the others where there can be any. */
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, Shape>; readonly rest?: Shape }
  /** A list of objects that are told apart by some of their fields. */
  | { readonly kind: "map-list"; readonly keys: readonly string[]; readonly item: Shape }
  /** A list of scalars without order. */
  | { readonly kind: "set" }
  /** Untyped: objects are owned field by field, lists as a whole. */
  | { readonly kind: "any" };

export const LEAF: Shape = { kind: "leaf" };
export const ANY: Shape = { kind: "any" };

/** The part of an OpenAPI v3 schema that a CustomResourceDefinition may use and this server reads. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly Json[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: Json;
  readonly nullable?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message?: string }[];
}

/** The shape of what a schema describes. */
export function shapeOf(schema: Schema): Shape {
  if (schema.type === "array") {
    const { items = {} } = schema;
    switch (schema["x-kubernetes-list-type"]) {
      case "map":
        return { kind: "map-list", keys: schema["x-kubernetes-list-map-keys"] ?? [], item: shapeOf(items) };
      case "set":
        return { kind: "set" };
      default:
        return LEAF;
    }
  }
  if (schema.type !== "object") return schema["x-kubernetes-preserve-unknown-fields"] ? ANY : LEAF;
  if (schema["x-kubernetes-map-type"] === "atomic") return LEAF;
  const { properties = {}, additionalProperties } = schema;
  const fields = new Map(Object.entries(properties).map(([name, field]) => [name, shapeOf(field)]));
  if (typeof additionalProperties === "object")
    return { kind: "object", fields, rest: shapeOf(additionalProperties) };
  return schema["x-kubernetes-preserve-unknown-fields"] || additionalProperties === true
    ? { kind: "object", fields, rest: ANY }
    : { kind: "object", fields };
}

/** Of metav1.ObjectMeta, what clients own. */
export const METADATA: Shape = {
  kind: "object",
  fields: new Map<string, Shape>([
    ["labels", { kind: "object", fields: new Map(), rest: LEAF }],
    ["annotations", { kind: "object", fields: new Map(), rest: LEAF }],
    ["finalizers", { kind: "set" }],
    ["ownerReferences", { kind: "map-list", keys: ["uid"], item: ANY }],
  ]),
};

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
