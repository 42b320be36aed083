import { expect, it } from "bun:test";
import type { Node } from "../../kube/core-resources.ts";
import { type MoveFacts, mayMove } from "./move-proof.ts";

const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const NOW = Date.parse("2026-01-01T00:10:00Z");

function facts(given: Partial<MoveFacts> = {}): MoveFacts {
  return {
    key: "shop/web-0",
    vip: {
      apiVersion: "networking.tke.cloud.tencent.com/v1",
      kind: "VpcIP",
      metadata: { name: "10.0.0.7" },
      spec: { type: "Pod", subnetID: "s", eniID: "eni-1", node: "n1", instanceID: "ins-1" },
    },
    isTokenValid: () => true,
    isDetached: false,
    isDown: false,
    node: node("True", "2026-01-01T00:00:00Z"),
    partitionGraceMs: 300_000,
    now: NOW,
    ...given,
  };
}

function node(ready: string, lastTransitionTime: string, taints: string[] = []): Node {
  return {
    metadata: { name: "n1" },
    spec: { taints: taints.map((key) => ({ key, effect: "NoExecute" })) },
    status: { conditions: [{ type: "Ready", status: ready, lastTransitionTime, reason: "", message: "" }] },
  } as unknown as Node;
}

function answered(state: "Reclaimable" | "InUse" | "Refused", token = "t"): MoveFacts["vip"] {
  const { vip } = facts();
  const reclaim = { token: "t", mode: "move" } as const;
  return {
    ...vip,
    spec: { ...vip.spec, reclaim },
    status: { use: { state, token, since: "2026-01-01T00:00:00Z" } },
  };
}

function heldBy(pod: string): MoveFacts["vip"] {
  return { ...facts().vip, status: { use: { state: "InUse", pod, since: "2026-01-01T00:00:00Z" } } };
}

it.each<[string, Partial<MoveFacts>, boolean]>([
  ["its agent says nothing", {}, false],
  ["its agent has let it go", { vip: answered("Reclaimable") }, true],
  ["its agent has answered another question", { vip: answered("Reclaimable", "old") }, false],
  [
    "its agent has answered a former leader",
    { vip: answered("Reclaimable"), isTokenValid: () => false },
    false,
  ],
  ["a pod holds it", { vip: answered("InUse") }, false],
  ["its ENI is detached", { isDetached: true }, true],
  ["its instance is down", { isDown: true }, true],
  ["its Node is gone, which proves nothing", { node: undefined }, false],
  ["its node is not ready, and says so itself", { node: node("False", "2026-01-01T00:00:00Z") }, false],
  [
    "its node has been unreachable for less than the grace",
    { node: node("Unknown", "2026-01-01T00:05:01Z") },
    false,
  ],
  ["its node has been unreachable for the grace", { node: node("Unknown", "2026-01-01T00:05:00Z") }, true],
  [
    "its node has been unreachable for the grace, and a pod of another name held it there",
    { vip: heldBy("shop/other"), node: node("Unknown", "2026-01-01T00:00:00Z", [OUT_OF_SERVICE]) },
    false,
  ],
  [
    "its node has been unreachable for the grace, and the former pod of the name held it there",
    { vip: heldBy("shop/web-0"), node: node("Unknown", "2026-01-01T00:00:00Z") },
    true,
  ],
  ["another pod held it on an ENI that is detached", { vip: heldBy("shop/other"), isDetached: true }, true],
  ["nobody knows since when its node is unreachable", { node: node("Unknown", "") }, false],
  ["its node is out of service", { node: node("Unknown", "2026-01-01T00:09:00Z", [OUT_OF_SERVICE]) }, true],
  [
    "its node has another taint",
    { node: node("Unknown", "2026-01-01T00:09:00Z", ["node.kubernetes.io/unreachable"]) },
    false,
  ],
])("an address of which %s", (_, given, expected) => {
  expect(mayMove(facts(given))).toBe(expected);
});
