import { expect, it } from "bun:test";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import { subnetOfBoundPod } from "./subnet-of-bound-pod.ts";

function subnet(
  name: string,
  zone: string,
  free: number,
  state: "Active" | "Draining" = "Active",
): VpcSubnet {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcSubnet",
    metadata: { name },
    spec: { vpcID: "vpc-1", zone, cidr: "10.0.0.0/24" },
    status: { state, free },
  };
}

const subnets = [
  subnet("a", "z1", 5),
  subnet("b", "z1", 9),
  subnet("c", "z2", 99),
  subnet("d", "z1", 99, "Draining"),
];

it.each([
  [["a", "b", "c"], "b"],
  [["d", "a"], "a"],
  [["c"], "c"],
  [["d"], "d"],
  [[], undefined],
])("of %j takes %s", (named, expected) => {
  expect(subnetOfBoundPod({ named, zone: "z1", subnets })).toBe(expected);
});
