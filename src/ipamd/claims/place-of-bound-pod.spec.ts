import { expect, it } from "bun:test";
import type { VpcSubnet } from "../../api/vpc-subnet.ts";
import { placeOfBoundPod } from "./place-of-bound-pod.ts";

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
    spec: { vpcID: "vpc-1", zone, cidr: `10.0.${name.charCodeAt(0)}.0/24` },
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
  expect(placeOfBoundPod({ address: undefined, named, zone: "z1", subnets }).subnetID).toBe(expected);
});

it("takes the address that the pod names, of whatever subnet can give it", () => {
  const facts = { named: ["b"], zone: "z1", subnets };
  expect(placeOfBoundPod({ ...facts, address: "10.0.97.20" })).toEqual({
    address: "10.0.97.20",
    subnetID: "a",
  });
  // The gateway's, and one of elsewhere.
  expect(placeOfBoundPod({ ...facts, address: "10.0.97.1" })).toEqual({ subnetID: "b" });
  expect(placeOfBoundPod({ ...facts, address: "10.1.0.20" })).toEqual({ subnetID: "b" });
});
