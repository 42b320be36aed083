import { expect, test } from "bun:test";
import type { Node } from "../kube/core-resources.ts";
import { slimNode } from "./watches.ts";

const metadata = {
  name: "node-1",
  uid: "uid-1",
  resourceVersion: "1",
  creationTimestamp: "2026-03-01T12:00:00Z",
};

test("keeps of a Node what decides about it, and nothing that only weighs", () => {
  const node = {
    metadata: { ...metadata, labels: { zone: "a" }, annotations: { x: "y" }, managedFields: [{}] },
    spec: {
      providerID: "qcloud:///100001/ins-1",
      unschedulable: true,
      taints: [{ key: "k", effect: "NoSchedule" }],
      podCIDR: "10.244.0.0/24",
    },
    status: {
      addresses: [{ type: "InternalIP", address: "10.0.1.11" }],
      capacity: { pods: "61" },
      allocatable: { pods: "61" },
      conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: "2026-03-01T12:00:00Z" }],
      images: [{ names: ["a"] }],
      nodeInfo: { bootID: "b", machineID: "m", systemUUID: "s", kubeletVersion: "v" },
    },
  };
  expect(slimNode(node as Node)).toEqual({
    metadata: { ...metadata, labels: { zone: "a" }, annotations: { x: "y" } },
    spec: {
      providerID: "qcloud:///100001/ins-1",
      unschedulable: true,
      taints: [{ key: "k", effect: "NoSchedule" }],
    },
    status: {
      addresses: [{ type: "InternalIP", address: "10.0.1.11" }],
      capacity: { pods: "61" },
      allocatable: { pods: "61" },
      // A heartbeat is no change.
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
});

test("takes a Node that has just registered and has hardly anything", () => {
  expect(slimNode({ metadata, spec: {} })).toEqual({
    metadata: { ...metadata, labels: {}, annotations: {} },
    spec: {},
    status: { addresses: [], conditions: [] },
  });
});
