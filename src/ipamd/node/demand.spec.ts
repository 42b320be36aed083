import { expect, test } from "bun:test";
import type { Pod } from "../../kube/core-resources.ts";
import { podOnNode } from "./demand.ts";

function pod(spec: Partial<Pod["spec"]>, status: Pod["status"] = { phase: "Running" }): Pod {
  return {
    metadata: { name: "p", namespace: "d", uid: "u", resourceVersion: "1", creationTimestamp: "" },
    spec: { containers: [], ...spec },
    status,
  };
}

test.each([
  ["bound and pending", pod({ nodeName: "n" }, { phase: "Pending" }), true],
  ["running", pod({ nodeName: "n" }), true],
  ["of the host network", pod({ nodeName: "n", hostNetwork: true }), false],
  ["succeeded", pod({ nodeName: "n" }, { phase: "Succeeded" }), false],
  ["failed", pod({ nodeName: "n" }, { phase: "Failed" }), false],
])("a pod that is %s needs an address: %#", (_, p, needs) => {
  expect(podOnNode(p).needsAddress).toBe(needs);
  expect(podOnNode(p).node).toBe("n");
});
