import { expect, it } from "bun:test";
import type { Drift } from "./drift.ts";
import { reportDrift } from "./drift-reporter.ts";

const pod = (podName: string) => ({
  containerId: `c-${podName}`,
  ifName: "eth0",
  podNamespace: podName === "" ? "" : "shop",
  podName,
  podUid: "",
});

function reported(found: readonly Drift[]) {
  const counted: string[] = [];
  const told: string[] = [];
  const logged: string[] = [];
  const log = (_: object, message: string) => logged.push(message);
  reportDrift(
    {
      logger: { debug: log, info: log, warn: log, error: log },
      count: (kind, outcome) => counted.push(`${kind} ${outcome}`),
      tellNode: ({ reason, message }) => told.push(`node ${reason}: ${message}`),
      tellPod({ podName }, { reason, message }) {
        if (podName !== "") told.push(`${podName} ${reason}: ${message}`);
        return podName !== "";
      },
    },
    found,
  );
  return { counted, told, logged };
}

it("tells of a pod's drift on the pod, and of the node's on the node", () => {
  expect(
    reported([
      { kind: "pod-route", outcome: "repaired", pod: pod("web-0"), message: "the route was gone" },
      { kind: "sysctl", outcome: "repaired", message: "ip_forward was 0" },
      { kind: "unknown-holder", outcome: "quarantined", pod: pod(""), message: "a veth holds 10.0.16.5" },
    ]),
  ).toEqual({
    counted: ["pod-route repaired", "sysctl repaired", "unknown-holder quarantined"],
    told: [
      "web-0 DriftRepaired: the route was gone",
      "node DriftRepaired: ip_forward was 0",
      "node DriftQuarantined: a veth holds 10.0.16.5",
    ],
    logged: ["the route was gone", "ip_forward was 0", "a veth holds 10.0.16.5"],
  });
});

it("counts each pod of a storm, and tells of it once", () => {
  const storm = Array.from({ length: 250 }, (_, at): Drift => {
    return { kind: "pod-route", outcome: "repaired", pod: pod(`web-${at}`), message: "the route was gone" };
  });
  const { counted, told } = reported(storm);
  expect(counted).toHaveLength(250);
  expect(told).toEqual([
    "node DriftRepaired: pod-route of many pods at once; of the first: the route was gone",
  ]);
});
