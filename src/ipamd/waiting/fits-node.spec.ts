import { describe, expect, test } from "bun:test";
import { allowsPod, type NodeTraits } from "./fits-node.ts";
import type { NodeRequirement, PodNeeds, Toleration } from "./pod-needs.ts";

const labels = { zone: "a", cores: "8", "kubernetes.io/os": "linux" };

function node(spec: NodeTraits["spec"] = {}): NodeTraits {
  return { metadata: { name: "node-1", labels }, spec };
}

function needs(changes: Partial<PodNeeds> = {}): PodNeeds {
  return { requests: {}, nodeSelector: {}, tolerations: [], ...changes };
}

function affinity(...requirements: NodeRequirement[]): PodNeeds {
  return needs({ nodeTerms: [{ matchExpressions: requirements }] });
}

test("a node selector must hold in whole", () => {
  expect(allowsPod(node(), needs({ nodeSelector: { zone: "a", cores: "8" } }))).toBe(true);
  expect(allowsPod(node(), needs({ nodeSelector: { zone: "a", cores: "9" } }))).toBe(false);
  expect(allowsPod(node(), needs({ nodeSelector: { disk: "" } }))).toBe(false);
});

describe("required node affinity", () => {
  test.each<[NodeRequirement, boolean]>([
    [{ key: "zone", operator: "In", values: ["a", "b"] }, true],
    [{ key: "zone", operator: "In", values: ["b"] }, false],
    [{ key: "disk", operator: "In", values: ["ssd"] }, false],
    [{ key: "zone", operator: "NotIn", values: ["b"] }, true],
    [{ key: "zone", operator: "NotIn", values: ["a"] }, false],
    [{ key: "disk", operator: "NotIn", values: ["ssd"] }, true],
    [{ key: "zone", operator: "Exists" }, true],
    [{ key: "disk", operator: "Exists" }, false],
    [{ key: "disk", operator: "DoesNotExist" }, true],
    [{ key: "zone", operator: "DoesNotExist" }, false],
    [{ key: "cores", operator: "Gt", values: ["7"] }, true],
    [{ key: "cores", operator: "Gt", values: ["8"] }, false],
    [{ key: "cores", operator: "Lt", values: ["10"] }, true],
    [{ key: "zone", operator: "Gt", values: ["1"] }, false],
    [{ key: "disk", operator: "Lt", values: ["1"] }, false],
  ])("%j: %p", (requirement, fits) => {
    expect(allowsPod(node(), affinity(requirement))).toBe(fits);
  });

  test("all of one term, or all of another", () => {
    const a: NodeRequirement = { key: "zone", operator: "In", values: ["a"] };
    const b: NodeRequirement = { key: "zone", operator: "In", values: ["b"] };
    expect(allowsPod(node(), affinity(a, b))).toBe(false);
    expect(
      allowsPod(node(), needs({ nodeTerms: [{ matchExpressions: [b] }, { matchExpressions: [a] }] })),
    ).toBe(true);
  });

  test("a term without a requirement holds nowhere, nor does a list without a term", () => {
    expect(allowsPod(node(), needs({ nodeTerms: [{}] }))).toBe(false);
    expect(allowsPod(node(), needs({ nodeTerms: [] }))).toBe(false);
  });

  test("a node by its name, as a DaemonSet has it", () => {
    const named = (name: string) =>
      needs({ nodeTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] }] });
    expect(allowsPod(node(), named("node-1"))).toBe(true);
    expect(allowsPod(node(), named("node-2"))).toBe(false);
  });
});

describe("taints", () => {
  const tainted = node({ taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] });

  test.each<[Toleration, boolean]>([
    [{ key: "gpu", operator: "Exists" }, true],
    [{ operator: "Exists" }, true],
    [{ key: "gpu", value: "yes", effect: "NoSchedule" }, true],
    [{ key: "gpu", operator: "Equal", value: "yes" }, true],
    [{ key: "gpu", value: "no" }, false],
    [{ key: "gpu", operator: "Exists", effect: "NoExecute" }, false],
    [{ key: "cpu", operator: "Exists" }, false],
    [{ key: "gpu", operator: "Gt", value: "1" }, false],
  ])("tolerated by %j: %p", (toleration, fits) => {
    expect(allowsPod(tainted, needs({ tolerations: [toleration] }))).toBe(fits);
  });

  test("keep a pod away unless tolerated, preferences and our own do not", () => {
    expect(allowsPod(tainted, needs())).toBe(false);
    const evicting = node({ taints: [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }] });
    expect(allowsPod(evicting, needs())).toBe(false);
    const ours = {
      key: "tke.cloud.tencent.com/eni-ip-unavailable",
      value: "true",
      effect: "NoSchedule",
    } as const;
    const soft = { key: "old", effect: "PreferNoSchedule" } as const;
    expect(allowsPod(node({ taints: [ours, soft] }), needs())).toBe(true);
  });

  test("a cordoned node takes only those that tolerate it", () => {
    const cordoned = node({ unschedulable: true });
    expect(allowsPod(cordoned, needs())).toBe(false);
    const tolerations = [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }];
    expect(allowsPod(cordoned, needs({ tolerations }))).toBe(true);
  });
});
