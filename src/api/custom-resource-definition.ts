import { z } from "zod";
import type { CustomResource } from "./custom-resource.ts";

/** Marks a CRD as ours: ipamd refuses to touch one that lacks it. */
export const MANAGED_BY_LABEL = "app.kubernetes.io/managed-by";
export const MANAGED_BY = "tke-eni";
/** Number of the schema, raised with each change of it: ipamd never applies a lower one over a higher. */
export const SCHEMA_ANNOTATION = "networking.tke.cloud.tencent.com/schema";
export const SCHEMA = 4;

/** The CustomResourceDefinition of a declaration, ready to be applied or written as YAML. */
export function customResourceDefinition(resource: CustomResource) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${resource.plural}.${resource.group}`,
      labels: { [MANAGED_BY_LABEL]: MANAGED_BY },
      annotations: { [SCHEMA_ANNOTATION]: String(SCHEMA) },
    },
    spec: {
      group: resource.group,
      scope: resource.namespaced ? "Namespaced" : "Cluster",
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: resource.singular,
        shortNames: [resource.shortName],
        categories: ["tke-eni"],
      },
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: resource.description,
              required: ["spec"],
              properties: {
                apiVersion: { type: "string" },
                kind: { type: "string" },
                metadata: { type: "object" },
                spec: openApi(resource.spec),
                status: openApi(resource.status),
              },
              ...(resource.rules.length > 0 && { "x-kubernetes-validations": resource.rules }),
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns: resource.columns,
          ...(resource.selectableFields.length > 0 && {
            selectableFields: resource.selectableFields.map((jsonPath) => ({ jsonPath })),
          }),
        },
      ],
    },
  };
}

/** OpenAPI v3 of a schema in the dialect that the API server takes: no `$schema`, no `additionalProperties: false`. */
function openApi(schema: z.ZodType): Record<string, unknown> {
  return structural(z.toJSONSchema(schema, { io: "input", target: "openapi-3.0" })) as Record<
    string,
    unknown
  >;
}

function structural(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structural);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      // Zod writes the widest bounds of a double for `.int()`, and its own pattern for dates that `format` already says.
      .filter(([key, v]) => key !== "$schema" && !(key === "additionalProperties" && v === false))
      .filter(
        ([key, v]) =>
          !((key === "maximum" || key === "minimum") && Math.abs(Number(v)) === Number.MAX_SAFE_INTEGER),
      )
      .filter(([key]) => !(key === "pattern" && "format" in value && value.format === "date-time"))
      .map(([key, v]) => [key, structural(v)]),
  );
}
