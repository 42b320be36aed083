import { expect, it } from "bun:test";
import type { Occurrence } from "../../kube/event-series.ts";
import { PodEvents } from "./pod-events.ts";

const attachment = {
  containerId: "c1",
  ifName: "eth0",
  podNamespace: "shop",
  podName: "web-0",
  podUid: "uid-1",
};

function recorded(tell: (events: PodEvents) => void): Occurrence[] {
  const occurrences: Occurrence[] = [];
  tell(new PodEvents({ record: (occurrence) => occurrences.push(occurrence) }));
  return occurrences;
}

it("tells of a failed allocation on the very pod", () => {
  expect(recorded((events) => events.failedAllocation(attachment, "subnet full: add a subnet"))).toEqual([
    {
      about: { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-0", uid: "uid-1" },
      type: "Warning",
      reason: "FailedAllocateAddress",
      message: "subnet full: add a subnet",
    },
  ]);
});

it("tells of a lost address by name", () => {
  const lost = { address: "10.0.16.5", eniId: "eni-1" };
  expect(recorded((events) => events.addressLost(attachment, lost))).toMatchObject([
    {
      reason: "AddressLost",
      message: "the address 10.0.16.5 was taken off eni-1 behind this cluster's back: restart the pod",
    },
  ]);
});

it("tells nothing of an attachment that is no pod's", () => {
  const bare = { ...attachment, podNamespace: "", podName: "", podUid: "" };
  expect(recorded((events) => events.failedAllocation(bare, "subnet full"))).toEqual([]);
});
