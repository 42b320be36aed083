import { expect, test } from "bun:test";
import type { Pod } from "../../kube/core-resources.ts";
import { type SchedulablePod, slimPod } from "./slim-pod.ts";

const unschedulable: NonNullable<Pod["status"]> = {
  phase: "Pending",
  conditions: [
    {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message:
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient tke.cloud.tencent.com/eni-ip. no new claims",
    },
  ],
};

function pod(
  spec: Partial<SchedulablePod["spec"]>,
  status: NonNullable<Pod["status"]> = unschedulable,
): SchedulablePod {
  const containers = [{ name: "c", resources: { requests: { cpu: "1" } } }];
  return {
    metadata: {
      name: "p",
      namespace: "d",
      uid: "u",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: { containers, ...spec },
    status,
  };
}

test("a pod that found no node for lack of an address waits, with all that decides where it may run", () => {
  const terms = [{ matchExpressions: [{ key: "zone", operator: "Exists" as const }] }];
  const slim = slimPod(
    pod({
      nodeSelector: { disk: "ssd" },
      tolerations: [{ operator: "Exists" }],
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
      },
    }),
  );
  expect(slim).toMatchObject({ node: undefined, needsAddress: true, takesPlace: false, requests: {} });
  expect(slim.waiting).toMatchObject({
    since: "2026-01-01T00:00:00Z",
    needs: {
      requests: { cpu: 1000 },
      nodeSelector: { disk: "ssd" },
      nodeTerms: terms,
      tolerations: [{ operator: "Exists" }],
    },
  });
});

test("pods of equal needs have one key", () => {
  const key = (spec: Partial<SchedulablePod["spec"]>) => slimPod(pod(spec)).waiting?.needsKey;
  expect(key({ nodeSelector: { a: "1" } })).toBe(key({ nodeSelector: { a: "1" } }) ?? "");
  expect(key({ nodeSelector: { a: "1" } })).not.toBe(key({ nodeSelector: { a: "2" } }) ?? "");
});

test.each([
  ["is bound", pod({ nodeName: "n" })],
  ["is of the host network", pod({ hostNetwork: true })],
  ["has ended", pod({}, { ...unschedulable, phase: "Failed" })],
  ["is gated", pod({ schedulingGates: [{ name: "g" }] })],
  [
    "is being deleted",
    { ...pod({}), metadata: { ...pod({}).metadata, deletionTimestamp: "2026-01-01T00:00:01Z" } },
  ],
  ["was not looked at yet", pod({}, { phase: "Pending" })],
  [
    "lacks something else",
    pod(
      {},
      {
        conditions: [
          { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "3 Insufficient cpu" },
        ],
      },
    ),
  ],
])("a pod that %s does not wait", (_, p) => {
  expect(slimPod(p).waiting).toBeUndefined();
});

test("a bound pod takes its requests and a place, until it has ended", () => {
  expect(slimPod(pod({ nodeName: "n", hostNetwork: true }, { phase: "Running" }))).toMatchObject({
    requests: { cpu: 1000 },
    takesPlace: true,
    needsAddress: false,
  });
  expect(slimPod(pod({ nodeName: "n" }, { phase: "Succeeded" }))).toMatchObject({
    requests: {},
    takesPlace: false,
  });
});
