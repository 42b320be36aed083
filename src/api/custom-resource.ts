import type { z } from "zod";

/** A column of `kubectl get`. `priority` 1 shows with `-o wide` only. */
export interface PrinterColumn {
  name: string;
  type: "string" | "integer" | "date";
  jsonPath: string;
  description: string;
  priority?: 1;
}

/** A rule that the API server checks on each write (CEL). */
export interface ValidationRule {
  rule: string;
  message: string;
}

/** One custom resource, declared once: types, CRD and printing all come from here. */
export interface CustomResource<Spec extends z.ZodType = z.ZodType, Status extends z.ZodType = z.ZodType> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortName: string;
  namespaced: boolean;
  description: string;
  spec: Spec;
  status: Status;
  columns: readonly PrinterColumn[];
  /** JSON paths that watches may select on (`fieldSelector`). */
  selectableFields: readonly string[];
  /** Rules on the whole object, such as on its name. */
  rules: readonly ValidationRule[];
}
