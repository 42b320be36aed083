import { ENI_IP_UNAVAILABLE_TAINT } from "../../api/eni-ip-unavailable.ts";
import type { Node, Taint } from "../../kube/core-resources.ts";
import type { NodeRequirement, NodeTerm, PodNeeds, Toleration } from "./pod-needs.ts";

/** Of a Node, what decides which pods may run on it. */
export interface NodeTraits {
  readonly metadata: Pick<Node["metadata"], "name" | "labels">;
  readonly spec: Pick<Node["spec"], "unschedulable" | "taints">;
}

/**
 * Whether a pod may run on a node, for all that does not change from pod to pod: node selector, required node affinity, taints,
 * cordon. What is left of its resources is another question, for `fitsInto`.
 *
 * Affinity between pods, spreading over domains, volumes and host ports are not looked at: a node that grows for a pod that cannot
 * come gives the address back later.
 */
export function allowsPod(node: NodeTraits, needs: PodNeeds): boolean {
  return matchesSelector(node, needs) && untoleratedTaint(node, needs.tolerations) === undefined;
}

function matchesSelector(node: NodeTraits, { nodeSelector, nodeTerms }: PodNeeds): boolean {
  const labels = node.metadata.labels ?? {};
  const selected = Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  return selected && (nodeTerms === undefined || nodeTerms.some((term) => matchesTerm(node, term)));
}

function matchesTerm(node: NodeTraits, term: NodeTerm): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const fields: Record<string, string> = { "metadata.name": node.metadata.name };
  return (
    matchExpressions.every((requirement) => meets(labels[requirement.key], requirement)) &&
    matchFields.every((requirement) => meets(fields[requirement.key], requirement))
  );
}

function meets(value: string | undefined, { operator, values = [] }: NodeRequirement): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return wholeNumber(value) > wholeNumber(values[0]);
    case "Lt":
      return wholeNumber(value) < wholeNumber(values[0]);
    default:
      return false;
  }
}

/** NaN, which compares with nothing, for what is none. */
function wholeNumber(text: string | undefined): number {
  return /^[+-]?\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
}

/** What the scheduler makes of `spec.unschedulable`. */
const CORDONED: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

function untoleratedTaint(node: NodeTraits, tolerations: readonly Toleration[]): Taint | undefined {
  const { taints = [], unschedulable = false } = node.spec;
  return [...taints, ...(unschedulable ? [CORDONED] : [])].find(
    (taint) =>
      taint.effect !== "PreferNoSchedule" &&
      // Ours says that there is no address: it goes as soon as the node has grown.
      taint.key !== ENI_IP_UNAVAILABLE_TAINT.key &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

function tolerates(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  return key !== "" && operator === "Equal" && value === (taint.value ?? "");
}
