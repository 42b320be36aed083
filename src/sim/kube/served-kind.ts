import { ANY, type Json, type JsonObject, METADATA, type Schema, type Shape, shapeOf } from "./shape.ts";

/** A kind of objects that the server serves. */
export interface ServedKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shape: Shape;
  /** Undefined for a built-in kind, which is taken as it comes. */
  readonly schema?: Schema;
  /** Written by a call of its own: a write of the main resource leaves it as it is, and the other way round. */
  readonly hasStatus: boolean;
  /** Fields that lists and watches may select by, besides name and namespace. */
  readonly selectable: ReadonlyMap<string, (object: JsonObject) => string>;
  /** What the server makes of an object that is created. */
  readonly prepare?: (object: JsonObject) => JsonObject;
}

/** The kind that a CustomResourceDefinition declares. */
export function customKind(definition: JsonObject): ServedKind {
  const { spec } = definition as unknown as Definition;
  const version = spec.versions.find(({ storage }) => storage) ?? spec.versions[0];
  const schema = version?.schema?.openAPIV3Schema ?? {};
  const selectable = (version?.selectableFields ?? []).map(({ jsonPath }) => {
    const path = jsonPath.replace(/^\./, "");
    return [path, (object: JsonObject) => textAt(object, path)] as const;
  });
  return {
    group: spec.group,
    version: version?.name ?? "",
    plural: spec.names.plural,
    kind: spec.names.kind,
    namespaced: spec.scope === "Namespaced",
    shape: withMetadata(shapeOf(schema)),
    schema,
    hasStatus: version?.subresources?.status !== undefined,
    selectable: new Map(selectable),
  };
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage?: boolean;
      readonly schema?: { readonly openAPIV3Schema?: Schema };
      readonly subresources?: { readonly status?: object };
      readonly selectableFields?: readonly { readonly jsonPath: string }[];
    }[];
  };
}

function withMetadata(shape: Shape): Shape {
  const fields = shape.kind === "object" ? [...shape.fields].filter(([name]) => name !== "apiVersion") : [];
  return { kind: "object", fields: new Map([...fields, ["metadata", METADATA]]), rest: ANY };
}

function object(fields: Record<string, Shape>): Shape {
  return { kind: "object", fields: new Map(Object.entries(fields)), rest: ANY };
}

const CONDITIONS: Shape = { kind: "map-list", keys: ["type"], item: ANY };

function builtIn(
  kind: Pick<ServedKind, "group" | "version" | "plural" | "kind" | "namespaced"> & Partial<ServedKind>,
): ServedKind {
  return {
    shape: object({ metadata: METADATA, spec: object({}), status: object({ conditions: CONDITIONS }) }),
    hasStatus: false,
    selectable: new Map(),
    ...kind,
  };
}

/** The built-in kinds that our programs use. */
export const BUILT_IN_KINDS: readonly ServedKind[] = [
  builtIn({
    group: "",
    version: "v1",
    plural: "nodes",
    kind: "Node",
    namespaced: false,
    hasStatus: true,
    shape: object({
      metadata: METADATA,
      spec: object({}),
      status: object({ conditions: CONDITIONS, addresses: { kind: "map-list", keys: ["type"], item: ANY } }),
    }),
    selectable: new Map([["spec.unschedulable", (node) => textAt(node, "spec.unschedulable") || "false"]]),
  }),
  builtIn({
    group: "",
    version: "v1",
    plural: "pods",
    kind: "Pod",
    namespaced: true,
    hasStatus: true,
    selectable: new Map([
      ["spec.nodeName", (pod) => textAt(pod, "spec.nodeName")],
      ["status.phase", (pod) => textAt(pod, "status.phase")],
    ]),
    prepare: (pod) => ({ ...pod, status: { phase: "Pending" } }),
  }),
  builtIn({
    group: "",
    version: "v1",
    plural: "namespaces",
    kind: "Namespace",
    namespaced: false,
    hasStatus: true,
    prepare: (namespace) => ({ ...namespace, status: { phase: "Active" } }),
  }),
  builtIn({ group: "", version: "v1", plural: "events", kind: "Event", namespaced: true }),
  builtIn({ group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true }),
  builtIn({ group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true }),
  builtIn({
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
    namespaced: false,
    hasStatus: true,
    prepare: (definition) => ({ ...definition, status: established(definition) }),
  }),
];

/** A definition is served at once: what the real server takes a moment for is of no interest here. */
function established(definition: JsonObject): JsonObject {
  const { spec } = definition as unknown as Definition;
  return {
    acceptedNames: spec.names as unknown as Json,
    conditions: [
      { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" },
      {
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "the initial names have been accepted",
      },
    ],
    storedVersions: spec.versions.map(({ name }) => name),
  };
}

/** The text of a scalar field, empty where there is none. */
export function textAt(value: JsonObject, path: string): string {
  let current: unknown = value;
  for (const name of path.split(".")) {
    if (typeof current !== "object" || current === null) return "";
    current = (current as Record<string, unknown>)[name];
  }
  return current === undefined || current === null || typeof current === "object" ? "" : String(current);
}
