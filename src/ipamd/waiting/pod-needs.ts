import type { Amounts } from "./amounts.ts";

/** Where a pod that waits may run, as far as it is looked at here. */
export interface PodNeeds {
  readonly requests: Amounts;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Required node affinity: one of these must hold. Absent: there is none. */
  readonly nodeTerms?: readonly NodeTerm[];
  readonly tolerations: readonly Toleration[];
}

/** v1.NodeSelectorTerm: all its requirements must hold; one without any holds nowhere. */
export interface NodeTerm {
  readonly matchExpressions?: readonly NodeRequirement[];
  readonly matchFields?: readonly NodeRequirement[];
}

/** v1.NodeSelectorRequirement. */
export interface NodeRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values?: readonly string[];
}

/** v1.Toleration. */
export interface Toleration {
  /** Absent or empty with `Exists`: every taint. */
  readonly key?: string;
  /** Absent: `Equal`. */
  readonly operator?: string;
  readonly value?: string;
  /** Absent or empty: every effect. */
  readonly effect?: string;
}
