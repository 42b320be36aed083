import { expect, test } from "bun:test";
import { podRequests } from "./pod-requests.ts";

function container(requests: Record<string, string>, more: { restartPolicy?: string } = {}) {
  return { name: "c", resources: { requests }, ...more };
}

test("containers add up, addresses left out", () => {
  const app = container({ cpu: "100m", memory: "64Mi", "tke.cloud.tencent.com/eni-ip": "1" });
  expect(podRequests({ containers: [app, container({ cpu: "50m" })] })).toEqual({
    cpu: 150,
    memory: 64 * 2 ** 20,
  });
});

test("a limit without a request counts as one", () => {
  const resources = { limits: { cpu: "2", memory: "1Mi" }, requests: { cpu: "1" } };
  expect(podRequests({ containers: [{ name: "c", resources }] })).toEqual({ cpu: 1000, memory: 2 ** 20 });
});

test("an init container counts if it needs more than what runs later; sidecars begun before it run beside it", () => {
  const containers = [container({ cpu: "1" })];
  const sidecar = container({ cpu: "200m" }, { restartPolicy: "Always" });
  const initContainers = [container({ cpu: "3" }), sidecar];
  expect(podRequests({ containers, initContainers })).toEqual({ cpu: 3000 });
  expect(podRequests({ containers, initContainers: initContainers.toReversed() })).toEqual({ cpu: 3200 });
  expect(podRequests({ containers, initContainers: [sidecar, sidecar] })).toEqual({ cpu: 1400 });
});

test("requests of the pod win over its containers', and overhead comes on top", () => {
  const spec = {
    containers: [container({ cpu: "1", memory: "1Mi" })],
    resources: { requests: { cpu: "4" } },
    overhead: { memory: "1Mi" },
  };
  expect(podRequests(spec)).toEqual({ cpu: 4000, memory: 2 * 2 ** 20 });
});
